"""Amounts as Chinese receipts write them (人民币大写): pure."""

_DIGITS, _UNITS, _GROUPS = "零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟"), ("", "万", "亿")
_GROUP = 10_000


def in_words(amount_fen: int) -> str:
    """Return an amount of at least 0 fen as Chinese receipts write it (人民币大写): ``壹仟零伍元叁角整``.

    Rules: 中国人民银行《正确填写票据和结算凭证的基本规定》: zeros in a row are one 零; 整 follows yuan and jiao.
    """
    yuan, rest = divmod(amount_fen, 100)
    jiao, fen = divmod(rest, 10)
    words = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        words += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        words += "零"
    if fen:
        words += f"{_DIGITS[fen]}分"
    return words if fen else f"{words or '零元'}整"


def _whole(yuan: int) -> str:
    groups = []
    while yuan:
        yuan, group = divmod(yuan, _GROUP)
        groups.append(group)
    words = ""
    for place in reversed(range(len(groups))):
        group = groups[place]
        if group == 0:
            words += "" if words.endswith("零") else "零"
            continue
        if words and group < _GROUP // 10 and not words.endswith("零"):
            words += "零"
        words += _group(group) + _GROUPS[place]
    return words.removesuffix("零")


def _group(group: int) -> str:
    words = ""
    for place in reversed(range(4)):
        digit = group // 10**place % 10
        if digit:
            words += _DIGITS[digit] + _UNITS[place]
        elif words and not words.endswith("零"):
            words += "零"
    return words.removesuffix("零")
