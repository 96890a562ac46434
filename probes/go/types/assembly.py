"""Lay descriptors that were found out in columns, and say what does not hold."""

from __future__ import annotations

import numpy as np

from probes.elf.image import I64, Image
from probes.go.types import layouts as tl
from probes.go.types.columns import I32, Bools, Fields, Itabs, Methods, Params
from probes.go.types.names import Names, read_names
from probes.go.types.region import Region, lists
from probes.go.types.table import TypeTable

MAX_PROBLEMS = 20


class Assembly:
    """Builds a TypeTable from the offsets of sound descriptors.

    Args:
        image: the file.
        region: where the descriptors are.
        at: their offsets, sorted.
        two_byte: names have two-byte lengths (Go 1.16).
        shifted: fields' offsets are shifted left by one (Go up to 1.18); None: find out by what fits.
    """

    def __init__(self, image: Image, region: Region, at: I64, *, two_byte: bool, shifted: bool | None) -> None:
        self.image, self.region, self.at = image, region, at
        self.problems: list[str] = []
        self.row_of = np.full(region.words.size + 1, -1, dtype=np.int32)
        self.row_of[at >> 3] = np.arange(len(at), dtype=np.int32)
        self.heads = region.records(at, tl.TYPE)
        self.kind = np.ascontiguousarray(self.heads["kind"] & tl.KIND_MASK)
        region.refill()
        self.lists, _ = lists(region, at, self.heads)
        self._shifted = shifted
        self.names, self._name_at = self._names(two_byte=two_byte)

    def table(self, itabs: I64) -> TypeTable:
        """The table; `itabs` are the addresses of the itabs."""
        kind, heads = self.kind, self.heads
        wants = tl.HAS_ELEM[kind]
        elem, key = self._fill(wants, self.at + tl.ELEM_AT[kind]), self._fill(kind == tl.MAP, self.at + 48)
        self._note(int(np.count_nonzero(wants & (elem < 0))), "types whose element is no type")
        self._note(int(np.count_nonzero((kind == tl.MAP) & (key < 0))), "maps whose key is no type")
        length, direction = np.zeros(len(kind), dtype=np.int64), np.zeros(len(kind), dtype=np.uint8)
        arrays, channels = kind == tl.ARRAY, kind == tl.CHAN
        length[arrays] = self.region.words[(self.at[arrays] + 64) >> 3].view(np.int64)
        direction[channels] = self.region.words[(self.at[channels] + 56) >> 3] & 3
        self._note(int(np.count_nonzero(direction[channels] == 0)), "channels without a direction")
        self._note(int(np.count_nonzero(length[arrays] < 0)), "arrays of a negative length")
        pointer = self._rows(heads["ptrtothis"].astype(np.int64))
        astray = np.where(pointer >= 0, elem[pointer] != np.arange(len(kind)), heads["ptrtothis"] != 0)
        self._note(int(np.count_nonzero(astray)), "types whose pointer type is another's")
        on_demand = heads["tflag"] & tl.TFLAG_MASK_ON_DEMAND | heads["kind"] & tl.KIND_GC_PROG
        has_mask = (on_demand == 0) & (heads["ptrdata"] > 0)
        return TypeTable(
            path=self.image.path,
            address=self.at + self.region.start,
            kind=kind,
            size=heads["size"].astype(np.int64),
            ptrdata=heads["ptrdata"].astype(np.int64),
            align=heads["align"].copy(),
            hash=heads["hash"].copy(),
            tflag=heads["tflag"].copy(),
            string=self.names.index(self._name_at["type"]),
            package=self.names.index(self._name_at["package"]),
            elem=elem,
            key=key,
            pointer=pointer,
            length=length,
            direction=direction,
            n_in=self.lists.n_in,
            variadic=self.lists.variadic,
            mask=np.where(has_mask, heads["gcdata"].view(np.int64), 0),
            fields=self._fields(),
            methods=self._methods(),
            params=self._params(),
            itabs=self._itabs(itabs),
            names=self.names,
            image=self.image,
            problems=tuple(self.problems[:MAX_PROBLEMS]),
        )

    def _note(self, count: int, what: str) -> None:
        if count:
            self.problems.append(f"{count} {what}")

    def _rows(self, offsets: I64) -> I32:
        """Rows of the descriptors at `offsets`, -1 where none is."""
        inside = (offsets > 0) & (offsets < self.region.size) & (offsets % 8 == 0)
        return self.row_of[np.where(inside, offsets >> 3, -1)]

    def _pointed(self, places: I64) -> I32:
        """Rows of the descriptors whose addresses are at `places`."""
        return self._rows(self.region.relative(self.region.words[places >> 3]))

    def _fill(self, mask: Bools, places: I64) -> I32:
        out = np.full(len(mask), -1, dtype=np.int32)
        out[mask] = self._pointed(places[mask])
        return out

    def _first(self, owner: I64) -> I64:
        return np.searchsorted(owner, np.arange(len(self.at) + 1))

    def _names(self, *, two_byte: bool) -> tuple[Names, dict[str, I64]]:
        """All names, and the offsets at which each kind of them is."""
        region, heads, kind = self.region, self.heads, self.kind
        common = np.flatnonzero(self.lists.uncommon >= 0)
        package = np.full(len(kind), -1, dtype=np.int64)
        package[common] = region.records(self.lists.uncommon[common], tl.UNCOMMON)["pkgpath"]
        self._note(int(np.count_nonzero(package[common] < 0)), "package paths that lead outside")
        own = np.flatnonzero(((kind == tl.STRUCT) | (kind == tl.INTERFACE)) & (package <= 0))
        package[own] = region.relative(region.words[(self.at[own] + 48) >> 3])
        places = {
            "type": heads["str"].astype(np.int64),
            "package": package,
            "field": region.relative(region.words[self.lists.fields[1] >> 3]),
            "imethod": region.records(self.lists.imethods[1], tl.IMETHOD)["name"].astype(np.int64),
            "method": region.records(self.lists.methods[1], tl.METHOD)["name"].astype(np.int64),
        }
        for what in ("field", "imethod", "method"):
            self._note(int(np.count_nonzero(places[what] <= 0)), f"names of {what}s that lead outside")
        names = read_names(region, np.concatenate(list(places.values())), two_byte=two_byte)
        self._note(int(np.count_nonzero(~names.good)), "names that are damaged")
        return names, places

    def _fields(self) -> Fields:
        owner, places = self.lists.fields
        words = self.region.words[(places + 16) >> 3]
        types = self._pointed(places + 8)
        self._note(int(np.count_nonzero(types < 0)), "fields whose type is no type")
        name = np.maximum(self.names.index(self._name_at["field"]), 0)
        plain = np.minimum(words, np.uint64(1 << 62)).view(np.int64)
        shifted = self._shifted
        if shifted is None:
            shifted = bool(self._misfits(owner, types, plain).any())
        if shifted:
            offset, embedded = plain >> 1, words & 1 != 0
        else:
            offset, embedded = plain, self.names.flags[name] & tl.NAME_EMBEDDED != 0
        self._note(
            int(np.count_nonzero(self._misfits(owner, types, offset))), "fields that do not fit into their struct"
        )
        return Fields(self._first(owner), owner, name, types, offset, embedded)

    def _misfits(self, owner: I64, types: I32, offset: I64) -> Bools:
        """Which fields are not aligned as their type asks, or end behind their struct."""
        size = np.where(types >= 0, self.heads["size"][types].view(np.int64), 0)
        align = np.where(types >= 0, self.heads["align"][types], 1)
        wrong: Bools = (offset % align != 0) | (offset + size > self.heads["size"][owner].view(np.int64))
        return wrong

    def _methods(self) -> Methods:
        own, of_interfaces = self.lists.methods, self.lists.imethods
        owner = np.concatenate((of_interfaces[0], own[0]))
        place = np.concatenate((self._name_at["imethod"], self._name_at["method"]))
        wanted = self.region.records(of_interfaces[1], tl.IMETHOD)["typ"].astype(np.int64)
        kept = self.region.records(own[1], tl.METHOD)["mtyp"].astype(np.int64)
        types = self._rows(np.concatenate((wanted, kept)))
        functions = (types >= 0) & (self.kind[types] == tl.FUNC)
        dropped = np.concatenate((np.zeros(len(wanted), dtype=np.bool_), (kept == 0) | (kept == -1)))
        missing = ~functions & ~dropped
        self._note(int(np.count_nonzero(missing)), "methods whose type is no function type")
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        name = np.maximum(self.names.index(place[order]), 0)
        return Methods(self._first(owner), owner, name, np.where(functions, types, -1).astype(np.int32)[order])

    def _params(self) -> Params:
        owner, places = self.lists.params
        types = self._pointed(places)
        self._note(int(np.count_nonzero(types < 0)), "parameters whose type is no type")
        return Params(self._first(owner), owner, types)

    def _itabs(self, addresses: I64) -> Itabs:
        at = self.image.offsets(addresses, tl.ITAB.itemsize)
        good = (at >= 0) & (at % 8 == 0)
        self._note(int(np.count_nonzero(~good)), "itabs that lead outside")
        pairs = self.image.words[(at[good] >> 3)[:, None] + np.arange(2)]
        interface, concrete = (self._rows(self.region.relative(pairs[:, column])) for column in (0, 1))
        wrong = (interface < 0) | (concrete < 0) | (self.kind[interface] != tl.INTERFACE)
        self._note(int(np.count_nonzero(wrong)), "itabs that do not name an interface and a type")
        return Itabs(interface[~wrong], concrete[~wrong], addresses[good][~wrong] + tl.ITAB_FUN)
