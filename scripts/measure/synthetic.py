"""Synthetic services for the statistics: a call tree with known shares, and loads that make its windows differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from probes.profile.comparison.windows import Comparison, Side
from probes.profile.stacks.tally import Stacks

if TYPE_CHECKING:
    from probes.profile.facts import F64

ENDPOINTS = 6
LEAVES = 120
PACKAGES = 15
WINDOWS = 20
SAMPLES = 600.0
"""Of one window: 6 s of one processor at 100 Hz."""
DRIFT = 0.1
"""By which the rates of endpoints wander, each window nearly where the one before was."""
LOADS = ("steady", "bursty", "drifting")

Stack = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """Stacks, the leaf first, and the share of each at each endpoint: float64 (E, K)."""

    stacks: tuple[Stack, ...]
    shares: F64

    def leaf_shares(self) -> dict[str, float]:
        """The share of each innermost function when all endpoints are asked alike."""
        out: dict[str, float] = {}
        for stack, share in zip(self.stacks, self.shares.mean(axis=0), strict=True):
            out[stack[0]] = out.get(stack[0], 0.0) + float(share)
        return out


def service(rng: np.random.Generator) -> Service:
    """A service whose functions have Zipf-like shares; each endpoint has its own mix of them."""
    weights = 1 / np.arange(1, LEAVES + 1)
    stacks, shares = [], []
    for endpoint in range(ENDPOINTS):
        mix = weights * rng.gamma(0.5, 2.0, LEAVES)
        for leaf in np.flatnonzero(mix > 1e-3 * mix.sum()).tolist():
            package = leaf % PACKAGES
            middle = f"example.com/shop/p{package}.Do{endpoint if leaf % 3 else ''}"
            handler = f"example.com/shop/api.handle{endpoint}x"
            stacks.append((f"example.com/shop/p{package}.leaf{leaf}x", middle, handler, "net/http.serve", "main.main"))
            row = np.zeros(ENDPOINTS)
            row[endpoint] = mix[leaf]
            shares.append(row)
    table = np.array(shares).T
    return Service(tuple(stacks), table / table.sum(axis=1, keepdims=True))


def mixes(rng: np.random.Generator, load: str, windows: int) -> tuple[F64, F64]:
    """How the endpoints are asked in each window, (windows, E), and how busy it is, (windows,).

    `steady`: always alike. `bursty`: each endpoint's rate is drawn anew, and now and then it is eight times as much.
    `drifting`: the rates wander by a tenth, and the load doubles from the first to the last window.
    """
    if load == "steady":
        return np.ones((windows, ENDPOINTS)), np.ones(windows)
    if load == "bursty":
        rates = rng.gamma(1.5, 1 / 1.5, (windows, ENDPOINTS)) * np.where(rng.random((windows, ENDPOINTS)) < 0.05, 8, 1)
        return rates, np.clip(rates.mean(axis=1), 0.05, 5)
    walk = rng.normal(0, DRIFT, ENDPOINTS)
    rates = []
    for _ in range(windows):
        walk = 0.9 * walk + rng.normal(0, DRIFT * np.sqrt(1 - 0.81), ENDPOINTS)
        rates.append(np.exp(walk))
    return np.array(rates), np.linspace(0.7, 1.4, windows)


def compare(  # noqa: PLR0913, PLR0917 - what makes up a comparison
    rng: np.random.Generator,
    base: Service,
    new: Service,
    load: str,
    windows: int = WINDOWS,
    samples: float = SAMPLES,
    *,
    interleaved: bool = True,
) -> Comparison:
    """Windows of `base` and as many of `new` under one load, in turns or one side after the other."""
    stacks = list(dict.fromkeys((*base.stacks, *new.stacks)))
    place = {stack: row for row, stack in enumerate(stacks)}
    rates, busy = mixes(rng, load, 2 * windows)
    sides = []
    for number, side in enumerate((base, new)):
        rows = slice(number, None, 2) if interleaved else slice(number * windows, (number + 1) * windows)
        counts = np.zeros((len(stacks), windows))
        at = [place[stack] for stack in side.stacks]
        for window, (rate, level) in enumerate(zip(rates[rows], busy[rows], strict=True)):
            shares = rate @ side.shares
            counts[at, window] = rng.multinomial(rng.poisson(samples * level), shares / shares.sum())
        sides.append(Side(("BASE", "NEW")[number], counts, 1e7, np.full(windows, 6.0), np.arange(windows) * 60.0))
    return comparison(stacks, sides[0], sides[1])


def comparison(stacks: list[Stack], base: Side, new: Side) -> Comparison:
    """Both sides over `stacks`."""
    names = list(dict.fromkeys(name for stack in stacks for name in stack))
    rows = {name: row for row, name in enumerate(names)}
    frames = np.array([rows[name] for stack in stacks for name in stack], dtype=np.int32)
    offsets = np.concatenate(([0], np.cumsum([len(stack) for stack in stacks]))).astype(np.int64)
    return Comparison(names, Stacks(offsets, frames), base, new, kind="cpu", unit="nanoseconds")


def pick(rng: np.random.Generator, made: Service, low: float, high: float) -> str:
    """A function whose share lies between `low` and `high`."""
    found = sorted(name for name, share in made.leaf_shares().items() if low <= share <= high)
    return found[int(rng.integers(len(found)))]


def refactored(made: Service, leaf: str, how: str) -> Service:
    """The same work after a change of structure: `split`, `rename`, `merge` (into its caller), `extract`, `rename-caller`."""
    stacks: list[Stack] = []
    shares = []
    caller = next(stack[1] for stack in made.stacks if stack[0] == leaf)
    fresh = leaf.rpartition(".")[0]
    for stack, share in zip(made.stacks, made.shares.T, strict=True):
        if how == "rename-caller":
            mine = [(tuple(f"{name}V" if name == caller else name for name in stack), 1.0)]
        elif stack[0] != leaf:
            mine = [(stack, 1.0)]
        elif how == "split":
            mine = [(stack, 0.4), ((f"{fresh}.part", *stack), 0.6)]
        elif how == "extract":
            mine = [(stack, 0.3), (("example.com/shop/util.Part", *stack), 0.7)]
        elif how == "rename":
            mine = [((f"{fresh}.renamed", *stack[1:]), 1.0)]
        else:
            mine = [(stack[1:], 1.0)]
        for each, part in mine:
            stacks.append(each)
            shares.append(share * part)
    return Service(tuple(stacks), np.array(shares).T)


def single(share: float, growth: float, others: int = 60) -> tuple[Service, Service]:
    """One function of `share` among `others`, and the same after its share has become `growth` times as much."""
    rest = 1 / np.arange(1, others + 1)
    stacks = tuple((f"main.f{n}x", "main.serve", "main.main") for n in range(others + 1))
    made = []
    for own in (share, share * growth):
        row = np.concatenate(([own], (1 - own) * rest / rest.sum()))
        made.append(Service(stacks, np.tile(row, (ENDPOINTS, 1))))
    return made[0], made[1]
