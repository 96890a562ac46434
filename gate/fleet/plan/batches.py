"""Batches, cut as Ansible's `serial` does (`PlaybookExecutor._get_serialized_batches`, `pct_to_int`)."""

from __future__ import annotations

from msgspec import Struct


class Batch(Struct, frozen=True):
    """`count` hosts from the one at `first` (counted from 0) of the group's; `least` seconds, observation included."""

    number: int
    first: int
    count: int
    least: float = 0.0


def cut(batches: tuple[str, ...], hosts: int) -> tuple[tuple[int, int], ...]:
    """(first, count) of each batch of `hosts` hosts. A share that is less than one host is one host."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < hosts:
        size = batches[min(len(found), len(batches) - 1)]
        count = int(int(size[:-1]) / 100.0 * hosts) or 1 if size.endswith("%") else int(size)
        count = min(count, hosts - at)
        found.append((at, count))
        at += count
    return tuple(found)
