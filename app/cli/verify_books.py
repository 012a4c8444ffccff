"""Verify an exported day of the books against its seal: ``python3 verify_books.py SEAL EXPORT [--key HEX]``.

Needs Python and these two files, nothing of Linli and no database. The seal was signed when the day was closed and lies
outside the database; the export may be made at any time later. Exit code 1 names each row that is not as it was sealed.

A row's leaf is the SHA-256 of its line. The root is a Merkle tree (RFC 6962: 0x00 before a leaf, 0x01 before a node,
split at the largest power of two). The seal carries the root, the first four bytes of each leaf, by which a changed row
is named, and the hash of the seal before it; an Ed25519 signature (RFC 8032) covers all of that.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

TAG_BYTES = 4
_EPOCH = date(2000, 1, 1)
_EPOCH_AT = datetime(2000, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - runs on older Pythons, too


# ------------------------------------------------------------------------------------------------------------ the tree


def line_of(record: dict[str, Any]) -> bytes:
    """Return a row as it stands in an export, which its leaf is the hash of."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def leaf_of(line: bytes) -> bytes:
    """Return the leaf of a line."""
    return hashlib.sha256(b"\x00" + line).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the Merkle tree over ``leaves``."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, node = 0, leaf
        while stack and stack[-1][0] == height:
            node = hashlib.sha256(b"\x01" + stack.pop()[1] + node).digest()
            height += 1
        stack.append((height, node))
    _, node = stack.pop()
    while stack:
        node = hashlib.sha256(b"\x01" + stack.pop()[1] + node).digest()
    return node


def sealed_bytes(seal: dict[str, Any]) -> bytes:
    """Return what the signature of a seal is over."""
    return line_of({name: value for name, value in seal.items() if name != "signature"})


# ------------------------------------------------------------------------------------------- Ed25519 (RFC 8032), verify

_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _add(one: _Point, two: _Point) -> _Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % _P, (one[1] + one[0]) * (two[1] + two[0]) % _P
    c, d = 2 * one[3] * two[3] * _D % _P, 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _point(encoded: bytes) -> _Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``message`` is by the holder of ``public_key``."""
    base = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    key, r = _point(public_key), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if base is None or key is None or r is None or len(signature) != 64 or s >= _Q:  # noqa: PLR2004 - two numbers of 32
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    left, right = _times(s, base), _add(r, _times(int.from_bytes(digest, "little") % _Q, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


# ----------------------------------------------------------------------------------------------------------- the checks


def findings(seal: dict[str, Any], lines: Iterable[bytes], *, key: bytes | None = None) -> list[str]:
    """Return what is wrong with an export, by its seal; nothing when it is as it was sealed.

    :param key: the public key that is known from elsewhere; without one the seal's own is believed, and said so.
    """
    found = []
    public_key = bytes.fromhex(seal["public_key"])
    if key is not None and key != public_key:
        found.append("the seal is by another key")
    if not is_signed(public_key, sealed_bytes(seal), bytes.fromhex(seal["signature"])):
        found.append("the signature of the seal does not stand")
    rows = [line.rstrip(b"\n") for line in lines]
    leaves = [leaf_of(row) for row in rows]
    if root_of(leaves).hex() == seal["root"] and len(rows) == seal["count"]:
        return found
    found.append(f"{len(rows)} rows do not have the sealed root; {seal['count']} were sealed")
    tags = base64.b64decode(seal["tags"])
    sealed = [tags[i : i + TAG_BYTES] for i in range(0, len(tags), TAG_BYTES)]
    return found + _changed(rows, leaves, sealed) + _broken(rows)


def _changed(rows: Sequence[bytes], leaves: Sequence[bytes], sealed: Sequence[bytes]) -> list[str]:
    """Name rows that are not among the sealed ones, and places of sealed ones that are not among the rows."""
    found = []
    known, here = set(sealed), {leaf[:TAG_BYTES] for leaf in leaves}
    for row, leaf in zip(rows, leaves, strict=True):
        if leaf[:TAG_BYTES] not in known:
            record = json.loads(row)
            found.append(
                f"changed or added: {record['account']} seq {record['seq']} journal {record['journal']}"
                f" ({record['amount_fen']} fen)"
            )
    found += [f"gone or changed: the sealed row at place {i}" for i, tag in enumerate(sealed, 1) if tag not in here]
    return found


def _broken(rows: Sequence[bytes]) -> list[str]:
    """Name rows that do not follow from the row before, and journals that do not sum to zero."""
    found = []
    sums: dict[int, int] = {}
    before: dict[str, Any] | None = None
    for row in rows:
        record = json.loads(row)
        sums[record["journal"]] = sums.get(record["journal"], 0) + record["amount_fen"]
        if before is not None and (before["account"], before["seq"] + 1) == (record["account"], record["seq"]):
            is_chained = record["head"] == _head(before["head"], record)
            if before["balance_fen"] + record["amount_fen"] != record["balance_fen"] or not is_chained:
                found.append(f"does not follow: {record['account']} seq {record['seq']} journal {record['journal']}")
        before = record
    return found + [f"journal {journal} sums to {fen}" for journal, fen in sorted(sums.items()) if fen]


def _head(previous: str, record: dict[str, Any]) -> str:
    """Return the chain value of a row, as the books compute it."""
    posted = datetime.fromisoformat(record["posted_at"]) - _EPOCH_AT
    micros = (posted.days * 86_400 + posted.seconds) * 1_000_000 + posted.microseconds
    days = (date.fromisoformat(record["effective_on"]) - _EPOCH).days
    words = [record["key"], record["kind"]] + ([] if record["ref"] is None else [record["ref"]])
    journal = hashlib.sha256(
        record["journal"].to_bytes(8, "big", signed=True)
        + days.to_bytes(4, "big", signed=True)
        + micros.to_bytes(8, "big", signed=True)
        + "\x1f".join(words).encode()
    ).digest()
    numbers = b"".join(record[name].to_bytes(8, "big", signed=True) for name in ("amount_fen", "balance_fen"))
    return hashlib.sha256(bytes.fromhex(previous) + journal + numbers).hexdigest()


def main() -> int:
    """Verify, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seal", type=Path)
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", help="public key of the platform, 64 hex digits, known from elsewhere")
    given = parser.parse_args()
    seal = json.loads(given.seal.read_text(encoding="utf-8"))
    with given.export.open("rb") as lines:
        found = findings(seal, lines, key=bytes.fromhex(given.key) if given.key else None)
    for finding in found:
        print(finding)
    if not found:
        print(f"{seal['count']} rows of {seal['day']} are as they were sealed at {seal['sealed_at']}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
