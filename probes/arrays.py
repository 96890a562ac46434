"""Sorted arrays without numpy.unique: it imports numpy.ma, which takes as long as a fifth of numpy itself."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


def distinct(values: npt.NDArray[T]) -> npt.NDArray[T]:
    """`values` sorted, each once; shape (distinct,). numpy.unique hashes first, which is slower where most are distinct."""
    values = np.sort(values)
    keep = np.ones(values.size, dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=keep[1:])
    return values[keep]


def grouped(values: npt.NDArray[T]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each value first is, in the order of the values, shape (distinct,); and which of them each is, shape of `values`."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.ones(values.size, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    group = np.empty(values.size, dtype=np.int64)
    group[order] = np.cumsum(begins) - 1
    return order[begins], group


def contains(ordered: npt.NDArray[T], values: npt.NDArray[T]) -> npt.NDArray[np.bool_]:
    """Which of `values` are among `ordered`, which is sorted; shape of `values`."""
    if not ordered.size:
        return np.zeros(values.shape, dtype=np.bool_)
    at = np.minimum(np.searchsorted(ordered, values), ordered.size - 1)
    out: npt.NDArray[np.bool_] = ordered[at] == values
    return out
