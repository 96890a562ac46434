"""What the compiler's listings say of two releases that nobody edited on purpose.

In real releases closures, `deferwrapN` and `init.N` are numbered anew whenever one is put in front, and Go 1.27 hashes
the place of an inlined closure into its name. So functions are counted by their names without such numbers: of the
functions of one such name, those that mean the same on both sides are unchanged, whatever their numbers, and as many as
are left on the new side have to be reported.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import capstone

from tests.groundtruth.listing import NUMBERED_DATA, functions, is_go, table_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.drift.facts import FunctionDrift
    from tests.groundtruth.listing import Listing, Symbol

_HASH = re.compile(r"#[^#.]*#")
_NUMBER = re.compile(r"(?<=\.func)\d+|(?<=wrap)\d+|(?<=-range)\d+|(?<=\.init\.)\d+|(?<=[\d·]\.)\d+|(?<=·)\d+")
_LOCAL_TYPE = re.compile(r"[.·]\d+(?=$|[\])};, ])")
_ARGUMENTS = re.compile(r"\[.*\]")
MAX_DEPTH = 8
DECODER = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
_NOTHING = {("xchg", "ax, ax"), ("xchg", "eax, eax")}
VARIABLE = re.compile(r"S(NOPTR)?(DATA|BSS)$")

Key = tuple[str, int]


@lru_cache(maxsize=1 << 20)
def unnumbered(name: str) -> str:
    """A symbol's name without what numbers it by position: `f.func3.1` is `f.func_._`."""
    previous, name = "", _HASH.sub("", name)
    if name.startswith("type:"):
        name = _LOCAL_TYPE.sub("·_", name)
    while name != previous:
        previous, name = name, _NUMBER.sub("_", name)
        name = re.sub(r"(?<=_)\.\d+", "._", name)
    return name


def shown(name: str) -> str:
    """The name that functions are counted by: as the function table has it, which is without type arguments."""
    return _ARGUMENTS.sub("[...]", unnumbered(table_name(name)))


@dataclass(frozen=True, slots=True)
class Truth:
    """Functions by the name they are counted by.

    Attributes:
        new: of NEW, those that have to be reported: changed or added.
        old: of OLD, those that are gone.
        moved: of `new`, those of which nothing changed but the place of a field within a variable, or a variable's
            name. A stripped program tells neither where a variable begins nor what it is called.
        either: those that may be reported or not: they refer to a type whose descriptor changed, only the size of their
            arguments changed, instructions that do nothing were put in, or several functions have their name.
        same: functions that mean the same on both sides.
    """

    new: Counter[str] = field(default_factory=Counter)
    old: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    either: Counter[str] = field(default_factory=Counter)
    same: int = 0


class _Side:
    def __init__(self, listing: Listing, linked: Counter[str]) -> None:
        self.listing = listing
        self.functions = functions(listing, set(linked))
        # From Go 1.27 on, copies of closures have the place of their call in the listing's name, and not in the program's.
        copies = {key: name for key in listing.texts if (name := _HASH.sub("", key[0])) != key[0] and name in linked}
        self.functions |= copies
        listed_as = Counter(self.functions.values())
        copied = {name for name in copies.values() if listed_as[name] > linked[name]}
        self.unsure = {key for key, name in self.functions.items() if name in copied}
        """Functions with copies, of which some were not linked, and nothing says which."""
        self.theirs: set[str] = set()
        """The names of data on the other side."""
        self.groups: dict[Key, list[Key]] = defaultdict(list)
        for key in sorted(self.functions):
            self.groups[unnumbered(key[0]), key[1]].append(key)
        listed = set(self.functions.values())
        self.others = Counter(shown(name) for name in linked.keys() - listed if is_go(name))
        self._meanings: dict[tuple[Key, bool], frozenset[int]] = {}
        self._data: dict[str, int] = {}

    def equivalence(self, key: Key, *, fields: bool = True) -> frozenset[int]:
        """One digest for each definition, of its bytes and what its relocations mean.

        Without `fields`, it does not matter which place in a variable is meant, and what a variable is called that the
        other side has not.
        """
        if (key, fields) not in self._meanings:
            definitions = self.listing.texts[key]
            self._meanings[key, fields] = frozenset(self._digest(symbol, (), fields) for symbol in definitions)
        return self._meanings[key, fields]

    def _digest(self, symbol: Symbol, above: tuple[str, ...], fields: bool = True) -> int:
        relocations = tuple(
            (offset, size, kind, self.target(target, above), addend)
            if fields or not self._is_variable(target)
            else (offset, size, kind, target if target in self.theirs else "a variable", 0)
            for offset, size, kind, target, addend in symbol.relocations
            if kind not in ("R_CALLIND", "R_INITORDER", "R_KEEP", "R_USEIFACE", "R_USEIFACEMETHOD", "R_USENAMEDMETHOD")
        )
        return hash((bytes(symbol.data), relocations))

    def target(self, name: str, above: tuple[str, ...] = ()) -> object:
        if not NUMBERED_DATA.search(name) or name in above or len(above) > MAX_DEPTH:
            return unnumbered(name)
        if name not in self._data:
            below = (*above, name)
            self._data[name] = hash(frozenset(self._digest(each, below) for each in self.listing.data.get(name, ())))
        return self._data[name]

    def _is_variable(self, name: str) -> bool:
        return any(VARIABLE.match(each.kind) for each in self.listing.data.get(name, ()))

    def arguments(self, key: Key) -> set[str]:
        return {symbol.args for symbol in self.listing.texts[key]}


def truth(old: Listing, new: Listing, old_linked: Counter[str], new_linked: Counter[str]) -> Truth:
    """Compare two listings; `…_linked` are the names that `go tool nm` finds in the programs, with how many have each."""
    before, after = _Side(old, old_linked), _Side(new, new_linked)
    before.theirs, after.theirs = set(new.data), set(old.data)
    retyped = _retyped(old, new)
    found = Truth()
    same = 0
    for group in before.groups.keys() | after.groups.keys():
        old_keys, new_keys = list(before.groups.get(group, ())), list(after.groups.get(group, ()))
        for key in list(new_keys):
            twin = _twin(before, after, key, old_keys)
            if twin is None:
                continue
            old_keys.remove(twin)
            new_keys.remove(key)
            same += 1
            if (
                before.equivalence(twin) != after.equivalence(key)
                or len(after.equivalence(key)) > 1
                or before.arguments(twin) != after.arguments(key)
                or (retyped and (before.listing.types(twin) | after.listing.types(key)) & retyped)
            ):
                found.either[shown(after.functions[key])] += 1
        for key in [key for key in new_keys if key in old_keys and _padded(before, after, key)]:
            old_keys.remove(key)
            new_keys.remove(key)
            found.either[shown(after.functions[key])] += 1
        found.either.update(shown(after.functions[key]) for key in new_keys if key in after.unsure)
        found.either.update(shown(before.functions[key]) for key in old_keys if key in before.unsure)
        new_keys = [key for key in new_keys if key not in after.unsure]
        old_keys = [key for key in old_keys if key not in before.unsure]
        found.new.update(shown(after.functions[key]) for key in new_keys)
        fields = {after.equivalence(key, fields=False): key for key in new_keys}
        both = fields.keys() & {before.equivalence(key, fields=False) for key in old_keys}
        found.moved.update(shown(after.functions[fields[each]]) for each in both)
        found.old.update(shown(before.functions[key]) for key in old_keys[len(new_keys) :])
        found.either.update(shown(before.functions[key]) for key in old_keys[: len(new_keys)])
    for name in old_linked.keys() & new_linked.keys():
        # Of static functions of one name the listing does not say which one was linked how often.
        found.either[shown(name)] += abs(old_linked[name] - new_linked[name])
    found.new.update(after.others - before.others)
    found.old.update(before.others - after.others)
    return replace(found, same=same)


def _twin(before: _Side, after: _Side, key: Key, candidates: Iterable[Key]) -> Key | None:
    """The function of OLD that means the same, the one of the same name first; they may share one of several definitions."""
    equivalence = after.equivalence(key)
    alike = [other for other in candidates if before.equivalence(other) & equivalence]
    return key if key in alike else next(iter(alike), None)


def _padded(before: _Side, after: _Side, key: Key) -> bool:
    """Whether the function of both sides is the same but for instructions that do nothing, such as marks of inlining."""
    sides = []
    for side in (before, after):
        definitions = side.listing.texts[key]
        if len(definitions) != 1:
            return False
        code = []
        for _, _, mnemonic, operands in DECODER.disasm_lite(bytes(definitions[0].data), 0):
            if (mnemonic, operands) in _NOTHING or mnemonic == "nop":
                continue
            direct = mnemonic.startswith("j") or (mnemonic == "call" and operands.startswith("0x"))
            code.append((mnemonic, "" if direct else operands))
        targets = [(kind, side.target(target), addend) for *_, kind, target, addend in definitions[0].relocations]
        sides.append((code, targets))
    return sides[0] == sides[1]


def _retyped(old: Listing, new: Listing) -> set[str]:
    return {
        name
        for name in old.data.keys() & new.data.keys()
        if name.startswith(("type:", "type."))
        and {symbol.plain() for symbol in old.data[name]} != {symbol.plain() for symbol in new.data[name]}
    }


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the functions that had to be reported were, and what was missed and made up, by name."""

    wanted: int
    reported: int
    missed: Counter[str]
    false: Counter[str]

    @property
    def recall(self) -> float:
        """Share of what had to be reported; 1.0 where nothing had to be."""
        return 1 - self.missed.total() / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        """Share of the report that is true; 1.0 where nothing was reported."""
        return 1 - self.false.total() / self.reported if self.reported else 1.0


def score(drift: FunctionDrift, real: Truth, *, stripped: bool) -> Score:
    """Hold a report against the truth. C functions are said as such: the listing has none of them."""
    if stripped:
        real = replace(real, new=real.new - real.moved, either=real.either + real.moved)
    come = Counter(shown(each.name) if each.package != "C" else f"C: {each.name}" for each in drift.changed)
    gone: Counter[str] = Counter()
    come.update(shown(each.name) for each in drift.added)
    gone.update(shown(each.name) for each in drift.removed)
    told = {each.name for each in drift.changed}
    for rename in drift.renamed:
        if shown(rename.old) != shown(rename.new):
            come[shown(rename.new)] += rename.new not in told
            gone[shown(rename.old)] += 1
    return Score(
        wanted=real.new.total() + real.old.total(),
        reported=come.total() + gone.total(),
        missed=(real.new - come) + (real.old - gone),
        false=(come - real.new - real.either) + (gone - real.old - real.either),
    )
