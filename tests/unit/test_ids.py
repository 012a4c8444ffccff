from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from app.kernel.ids import new_id


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before_ms = time.time_ns() // 1_000_000

    made = new_id()

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert 0 <= (made.int >> 80) - before_ms < 10_000


def test_later_ids_sort_after_earlier_ones_even_within_one_millisecond() -> None:
    made = [new_id() for _ in range(20_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [each for batch in pool.map(lambda _: [new_id() for _ in range(1_000)], range(8)) for each in batch]

    assert len(set(made)) == 8_000
