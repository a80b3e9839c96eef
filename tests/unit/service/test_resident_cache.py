"""One limit for all that the service keeps in memory: the oldest goes, never what is in use."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.service.resident_cache import ResidentCache


@dataclass
class Sized:
    nbytes: int


def load(cache: ResidentCache, name: str, size: int) -> Sized:
    with cache.lease() as lease:
        found = lease.get((name,), lambda: Sized(size), size)
        assert isinstance(found, Sized)
        return found


def test_what_was_used_last_stays() -> None:
    cache = ResidentCache(100)
    load(cache, "a", 40)
    load(cache, "b", 40)
    load(cache, "a", 40)
    load(cache, "c", 40)
    assert ("a",) in cache
    assert ("b",) not in cache
    assert ("c",) in cache
    assert cache.bytes == 80


def test_a_value_is_loaded_once() -> None:
    cache = ResidentCache(100)
    first = load(cache, "a", 40)
    assert load(cache, "a", 40) is first


def test_what_a_job_uses_is_never_dropped() -> None:
    cache = ResidentCache(100)
    with cache.lease() as lease:
        for name in "abcd":  # a job that needs more than the limit gets it
            lease.get((name,), lambda: Sized(50), 50)
        assert cache.bytes == 200
        load(cache, "other", 10)
        assert all((name,) in cache for name in "abcd")
    load(cache, "next", 60)
    assert cache.bytes <= 100
    assert ("next",) in cache


def test_room_is_made_before_loading() -> None:
    cache = ResidentCache(100)
    load(cache, "a", 90)
    seen: list[int] = []

    def make() -> Sized:
        seen.append(cache.bytes)
        return Sized(80)

    with cache.lease() as lease:
        lease.get(("b",), make, 80)
    assert seen == [0]
    assert cache.room == 20


def test_a_load_that_fails_leaves_nothing() -> None:
    cache = ResidentCache(100)
    with cache.lease() as lease, pytest.raises(ZeroDivisionError):
        lease.get(("a",), lambda: 1 // 0, 10)
    assert cache.bytes == 0
    assert load(cache, "a", 10).nbytes == 10


def test_jobs_at_once_share_one_load() -> None:
    cache = ResidentCache(100)
    loads: list[int] = []
    together = threading.Barrier(4)

    def job() -> None:
        together.wait()
        with cache.lease() as lease:
            lease.get(("a",), lambda: loads.append(1) or Sized(10), 10)

    jobs = [threading.Thread(target=job) for _ in range(4)]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join()
    assert len(loads) == 1
    assert cache.bytes == 10


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 60)), max_size=40))
def test_the_limit_holds_between_jobs(uses: list[tuple[str, int]]) -> None:
    cache = ResidentCache(100)
    sizes: dict[str, int] = {}
    for name, size in uses:
        load(cache, name, sizes.setdefault(name, size))
        assert cache.bytes <= 100
        assert (name,) in cache
