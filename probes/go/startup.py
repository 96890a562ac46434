"""What the runtime reads before main besides its function table, and what of it cannot be: the image would die there.

Each check is that of the place which reads the data (runtime/symtab.go, runtime/iface.go, runtime/proc.go, the C library's
start), or of what the linker always writes. No check speaks of what may be otherwise in a good file.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from probes.arrays import contains, distinct
from probes.elf.image import I64, U64, Image
from probes.errors import MalformedTable
from probes.go.fault import Fault
from probes.go.module.moduledata import ModuleData
from probes.go.module.pointer_masks import PointerMasks, read_masks
from probes.go.table.functions import FuncTable

Bools = npt.NDArray[np.bool_]

FINDFUNCTAB = 152
"""Of runtime.moduledata, on all releases that hotgate reads: behind `ftab`."""
BUCKET, SUB, SUBS = 4096, 256, 16
"""Bytes of text of a findfuncbucket and of each of its parts (internal/abi/symtab.go, FuncTabBucketSize)."""
INTERFACE = 20
"""abi.Interface, a Kind."""
ITAB = 24
"""Bytes of abi.ITab before its methods: interface, type, hash."""
MAX_INITIALISERS = 1 << 16
PARTS = ("funcnametab", "cutab", "filetab", "pctab", "pclntable")
PT_TLS = "PT_TLS"
INIT_ARRAY = 14
"""SHT_INIT_ARRAY."""


def startup_faults(image: Image, module: ModuleData, table: FuncTable | None) -> tuple[Fault, ...]:
    """Everything that the runtime or the C library would stumble over before main."""
    out: list[Fault] = []
    for check in (_masks, _pointers, _itabs, _initialisers, _findfunctab, _module, _parts, _tls, _init_array):
        try:
            out += check(image, module, table)
        except MalformedTable as exc:
            out.append(Fault("module data", "runtime.firstmoduledata", exc.what))
    return tuple(out)


def _masks(image: Image, module: ModuleData, _: FuncTable | None) -> Iterator[Fault]:
    """runtime.modulesinit lets runGCProg unpack both masks; the linker ends each at the end of its section (GCProg.End)."""
    masks = _read(image, module)
    if isinstance(masks, str):
        yield Fault("pointer-mask", "runtime.gcdata", f"runtime.progToPointerMask cannot unpack it: {masks}")
        return
    for name, bits, (start, end) in zip(("gcdata", "gcbss"), masks.bits, (module.data[1], module.bss[0]), strict=True):
        words = (end - start) // 8
        if not words <= bits.size <= words + 1 and not (bits.size == 0 and words == 0):
            yield Fault("pointer-mask", f"runtime.{name}", f"it describes {bits.size:,} words of {words:,}")


def _pointers(image: Image, module: ModuleData, _: FuncTable | None) -> Iterator[Fault]:
    """What the collector takes for a pointer in initialised data is nil or an address of the image."""
    masks = _read(image, module)
    if isinstance(masks, str):
        return
    start, end = module.data[1]
    at = np.arange(-(-start // 8) * 8, end - 7, 8, dtype=np.int64)
    at = at[masks.at(at) == 1]
    words = _words(image, at)
    bad = np.flatnonzero((words != 0) & ~_mapped(image, words))
    external = contains(np.array(sorted(image.external), dtype=np.int64), at[bad])
    bad = bad[~external]
    if bad.size:
        first = int(bad[0])
        more = f", and {bad.size - 1:,} more" if bad.size > 1 else ""
        yield Fault(
            "pointer",
            "data",
            f"the pointer at data+{int(at[first]) - start:#x} is {int(words[first]):#x}, no address of the image{more}",
        )


def _itabs(image: Image, module: ModuleData, table: FuncTable | None) -> Iterator[Fault]:
    """runtime.itabsinit adds every itab by the hashes of its interface and its type."""
    links = module.itablinks
    if links.len:
        at = image.u64s(links.ptr, links.len).view(np.int64)
        if distinct(at).size != at.size:
            yield Fault("itab-link", "runtime.itablink", "one itab is there twice")
        yield from _bad_itabs(image, module, table, at)
        return
    start, end = module.itabs
    at = np.array(list(_listed(image, module, start, end)), dtype=np.int64)
    yield from _bad_itabs(image, module, table, at)


def _listed(image: Image, module: ModuleData, start: int, end: int) -> Iterator[int]:
    """The itabs between two addresses, since Go 1.27: each is as long as its interface has methods."""
    at = start
    while at < end:
        yield at
        interface = image.u64(at)
        if not module.types <= interface < module.etypes:
            return
        methods = image.u64(interface + 64)  # abi.InterfaceType: Type 48, PkgPath 8, Methods slice
        if not 0 < methods < 1 << 16:
            return
        at += ITAB + 8 * methods


def _bad_itabs(image: Image, module: ModuleData, table: FuncTable | None, at: I64) -> Iterator[Fault]:
    if not at.size:
        return
    good = (at % 8 == 0) & (image.offsets(at, ITAB + 8) >= 0)
    safe = np.where(good, at, at[good][0] if good.any() else 0)
    if not good.any():
        yield Fault("itab-link", "runtime.itablink", f"it leads to {int(at[0]):#x}, where no itab can be")
        return
    interface, concrete = (_words(image, safe + step).view(np.int64) for step in (0, 8))
    tail = _words(image, safe + 16)
    for types, name in ((interface, "interface"), (concrete, "type")):
        wrong = good & ~_is_type(image, module, types, INTERFACE if name == "interface" else 0)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            yield Fault(
                "itab",
                name,
                f"the {name} of the itab at {int(at[row]):#x}, {int(types[row]):#x}, is no descriptor of one",
            )
            good &= ~wrong
    rows = np.flatnonzero(good)
    hashes = _words(image, concrete[rows] + 16) & np.uint64(0xFFFFFFFF)
    differ = rows[hashes != tail[rows] & np.uint64(0xFFFFFFFF)]
    if differ.size:
        yield Fault("itab", "hash", f"the hash of the itab at {int(at[differ[0]]):#x} is not that of its type")
    if table is not None:
        first = _words(image, safe + ITAB).view(np.int64)[rows]
        wrong_code = rows[(first != 0) & ((first < module.text) | (first >= module.etext))]
        if wrong_code.size:
            yield Fault(
                "itab", "method", f"the first method of the itab at {int(at[wrong_code[0]]):#x} is outside of the text"
            )
    lost = np.flatnonzero((at % 8 != 0) | (image.offsets(at, ITAB + 8) < 0))
    if lost.size:
        yield Fault("itab-link", "runtime.itablink", f"it leads to {int(at[lost[0]]):#x}, where no itab can be")


def _is_type(image: Image, module: ModuleData, at: I64, kind: int) -> Bools:
    """Whether descriptors are at `at` (abi.Type), of that kind where one is given."""
    inside = (at >= module.types) & (at <= module.etypes - 48) & (at % 8 == 0)
    where = np.where(inside, at, module.types)
    size, ptrdata, flags = (_words(image, where + step) for step in (0, 8, 16))
    found = (flags >> np.uint64(56)) & np.uint64(31)
    align = (flags >> np.uint64(40)) & np.uint64(0xFF)
    out: Bools = (
        inside & (ptrdata <= size) & (size < 1 << 50) & (found > 0) & (found <= 26) & (align > 0) & (align <= 64)
    )
    return out & (found == kind) if kind else out


def _initialisers(image: Image, module: ModuleData, table: FuncTable | None) -> Iterator[Fault]:
    """runtime.doInit1: a task that has not begun, of at least one function, each at its entry."""
    tasks = module.inittasks
    if tasks is None or not tasks.len or table is None:
        return
    seen: set[int] = set()
    writable = [(s.start, s.end) for s in image.spans if s.writable]
    for task in image.u64s(tasks.ptr, tasks.len).tolist():
        if task % 8 or not any(start <= task and task + 16 <= end for start, end in writable):
            yield Fault("initialiser", "moduledata.inittasks", f"it leads to {task:#x}, where no task can be")
            return
        if task in seen:
            yield Fault("initialiser", "moduledata.inittasks", f"the task at {task:#x} is listed twice")
            return
        seen.add(task)
        state, number = image.u32(task), image.u32(task + 4)
        if state or not 0 < number <= MAX_INITIALISERS:
            yield Fault(
                "initialiser", "state", f"the task at {task:#x} is in state {state} and has {number:,} functions"
            )
            return
        for pc in image.u64s(task + 8, number).tolist():
            row = table.find(pc)
            if row < 0 or int(table.entry[row]) != pc:
                yield Fault(
                    "initialiser", "function", f"the task at {task:#x} calls {pc:#x}, which is no function's entry"
                )
                return
            if "init" not in table.names[row]:
                yield Fault(
                    "initialiser", "function", f"the task at {task:#x} calls {table.names[row]}, no initialiser"
                )
                return


def _findfunctab(image: Image, module: ModuleData, table: FuncTable | None) -> Iterator[Fault]:
    """runtime.findfunc looks every program counter up in it (cmd/link/internal/ld/pcln.go, writeFindFuncTab)."""
    if table is None or not len(table):
        return
    address = image.u64(module.address + FINDFUNCTAB)
    size = module.etext - module.text
    number = -(-size // BUCKET)
    raw = image.bytes(address, number * 20).tobytes()
    rows = np.frombuffer(raw, dtype=[("idx", "<u4"), ("sub", "u1", (SUBS,))])
    stored = (rows["idx"].astype(np.int64)[:, None] + rows["sub"]).ravel()
    starts = table.entry.astype(np.int64)
    places = module.text + SUB * np.arange(stored.size, dtype=np.int64)
    inside = places < int(table.end[-1])
    expected = np.maximum(np.searchsorted(starts, places, side="right") - 1, 0)
    wrong = np.flatnonzero(inside & (stored > expected))
    if wrong.size:
        at = int(wrong[0])
        yield Fault(
            "findfunctab",
            "runtime.findfunctab",
            f"a lookup at {int(places[at]):#x} begins at function {int(stored[at])}, behind function {int(expected[at])}",
        )


def _module(image: Image, module: ModuleData, _: FuncTable | None) -> Iterator[Fault]:
    """What the linker writes behind the lists of the module data (runtime.moduledata, from `modulename` on)."""
    if module.layout.inittasks is None:
        return
    base = module.address + module.layout.inittasks
    words = image.u64s(base + 24, (module.size - module.layout.inittasks - 24) // 8).tolist()
    hashes = words[3]
    if hashes > 1 << 16 or words[1] > 4096:
        yield Fault("module data", "moduledata.modulehashes", f"it lists {hashes:,} modules")
    if words[5] & ~0x0101:  # hasmain, bad
        yield Fault("module data", "moduledata.hasmain", f"the flags are {words[5]:#x}")
    if any(words[6:]):
        yield Fault("module data", "moduledata.gcdatamask", "what the runtime fills in is not empty")
    links = module.typelinks
    if links.len:
        offsets = image.u32s(links.ptr, links.len).astype(np.int64)
        wrong = np.flatnonzero(~_is_type(image, module, module.types + offsets, 0))
        if wrong.size:
            yield Fault("type-link", "runtime.typelink", f"entry {int(wrong[0]):,} leads to no type")


def _parts(image: Image, module: ModuleData, _: FuncTable | None) -> Iterator[Fault]:
    """Where the module data says that things are: among the constants, and as runtime.pcHeader has it."""
    if module.layout.inittasks is None:
        return
    for name, pointer in (
        ("types", module.types),
        ("rodata", module.rodata),
        ("gofunc", module.gofunc),
        ("gcdata", module.gcdata),
        ("gcbss", module.gcbss),
    ):
        span = image.span(pointer)
        if span is None or (name == "rodata" and span.executable and not span.writable and pointer < module.etext):
            yield Fault("module data", f"moduledata.{name}", f"{name} at {pointer:#x} is not among the constants")
    layout = module.layout.table
    places = (layout.funcname, layout.cutab, layout.filetab, layout.pctab, layout.pcln)
    parts = (module.funcnametab, module.cutab, module.filetab, module.pctab, module.pclntable)
    for name, place, part in zip(PARTS, places, parts, strict=True):
        offset = image.u64(module.header + place)
        if module.header + offset != part.ptr:
            yield Fault(
                "module data",
                f"moduledata.{name}",
                f"{name} is at {part.ptr:#x}, pcHeader says {module.header + offset:#x}",
            )


def _tls(image: Image, module: ModuleData, table: FuncTable | None) -> Iterator[Fault]:
    """The C library copies the thread-local segment for the first thread (csu/libc-tls.c, rtld's init_tls)."""
    del module, table
    for segment in image.elf.segments:
        if segment.kind != PT_TLS:
            continue
        if segment.filesz > segment.memsz or segment.memsz > 1 << 30:
            yield Fault("tls", PT_TLS, f"{segment.filesz:,} bytes in the file, {segment.memsz:,} in memory")
        elif segment.filesz and image.offsets(np.array([segment.vaddr], dtype=np.int64), segment.filesz)[0] < 0:
            yield Fault("tls", PT_TLS, "its contents are outside of the image")


def _init_array(image: Image, module: ModuleData, table: FuncTable | None) -> Iterator[Fault]:
    """The C library calls every entry of the arrays (DT_PREINIT_ARRAY, DT_INIT_ARRAY) before main."""
    del module, table
    for section in image.elf.sections:
        if section.kind not in {INIT_ARRAY, 16} or not section.size:
            continue
        at = np.arange(section.addr, section.addr + section.size - 7, 8, dtype=np.int64)
        words = _words(image, at).view(np.int64)
        external = contains(np.array(sorted(image.external), dtype=np.int64), at)
        good = np.zeros(at.shape, dtype=np.bool_)
        for span in image.spans:
            if span.executable:
                good |= (words >= span.start) & (words < span.end)
        wrong = np.flatnonzero(~good & ~external & (words != 0) & (words != -1))
        if wrong.size:
            yield Fault(
                "init-array", section.name, f"entry {int(wrong[0])} is {int(words[wrong[0]]):#x}, which is no code"
            )


def _read(image: Image, module: ModuleData) -> PointerMasks | str:
    try:
        return read_masks(image, module)
    except MalformedTable as exc:
        return exc.what


def _words(image: Image, at: I64) -> U64:
    """The words at `at`; zero where the file has none."""
    offset = image.offsets(at, 8)
    unaligned = np.ndarray((max(image.data.size - 7, 1),), dtype="<u8", buffer=image.data, strides=(1,))
    return np.where(offset >= 0, unaligned[np.maximum(offset, 0)], np.uint64(0))


def _mapped(image: Image, words: U64) -> Bools:
    out = np.zeros(words.shape, dtype=np.bool_)
    for start, end in [(s.start, s.end) for s in image.spans] + list(image.zero):
        out |= (words >= start) & (words <= end)
    return out
