"""Constants that assembler reads, in every width there is: a changed first or last byte is seen, the one behind is not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

AMD64 = {
    # name: (bytes that are read, the instructions; CONSTANT is its name)
    "byte": (1, "MOVBLZX CONSTANT, AX"),
    "word": (2, "MOVWLZX CONSTANT, AX"),
    "long": (4, "MOVL CONSTANT, AX"),
    "float": (4, "MOVSS CONSTANT, X0"),
    "broadcast4": (4, "VBROADCASTSS CONSTANT, Y0"),
    "evex_broadcast4": (4, "VPADDD.BCST CONSTANT, Z1, Z0"),
    "quad": (8, "MOVQ CONSTANT, AX"),
    "double": (8, "ADDSD CONSTANT, X0"),
    "broadcast8": (8, "VPBROADCASTQ CONSTANT, Z0"),
    "extended": (10, "FMOVX CONSTANT, F0"),
    "sse": (16, "MOVOU CONSTANT, X0"),
    "sse_operand": (16, "PXOR CONSTANT, X0"),
    "broadcast16": (16, "VBROADCASTI128 CONSTANT, Y0"),
    "avx": (32, "VMOVDQU CONSTANT, Y0"),
    "avx_operand": (32, "VPSHUFB CONSTANT, Y1, Y0"),
    "avx512": (64, "VMOVDQU64 CONSTANT, Z0"),
    "avx512_operand": (64, "VPERMB CONSTANT, Z1, Z0"),
    "address_sse": (16, "LEAQ CONSTANT, AX\n\tMOVOU (AX), X0"),
    "address_avx": (32, "LEAQ CONSTANT, AX\n\tVMOVDQU (AX), Y0"),
    "address_avx512": (64, "LEAQ CONSTANT, AX\n\tVPERMB (AX), Z1, Z0"),
    "address_far": (48, "LEAQ CONSTANT, AX\n\tMOVOU 32(AX), X0"),
}
ARM64 = {
    "byte": (1, "MOVBU CONSTANT, R0"),
    "half": (2, "MOVHU CONSTANT, R0"),
    "word": (4, "MOVWU CONSTANT, R0"),
    "float": (4, "FMOVS CONSTANT, F0"),
    "double_word": (8, "MOVD CONSTANT, R0"),
    "double": (8, "FMOVD CONSTANT, F0"),
    "quad": (16, "MOVD $CONSTANT, R0\n\tFMOVQ (R0), F0"),
    "pair": (16, "MOVD $CONSTANT, R0\n\tLDP (R0), (R1, R2)"),
    "pair_of_doubles": (16, "MOVD $CONSTANT, R0\n\tFLDPD (R0), (F0, F1)"),
    "pair_of_quads": (32, "MOVD $CONSTANT, R0\n\tFLDPQ (R0), (F0, F1)"),
    "ld1_half": (8, "MOVD $CONSTANT, R0\n\tVLD1 (R0), [V0.B8]"),
    "ld1": (16, "MOVD $CONSTANT, R0\n\tVLD1 (R0), [V0.B16]"),
    "ld1_two": (32, "MOVD $CONSTANT, R0\n\tVLD1 (R0), [V0.B16, V1.B16]"),
    "ld1_three": (48, "MOVD $CONSTANT, R0\n\tVLD1 (R0), [V0.B16, V1.B16, V2.B16]"),
    "ld1_four": (64, "MOVD $CONSTANT, R0\n\tVLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]"),
    "ld1_twice": (128, "MOVD $CONSTANT, R0\n\tVLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]\n\tVLD1 (R0), [V4.B16, V5.B16, V6.B16, V7.B16]"),
    "ld4": (64, "MOVD $CONSTANT, R0\n\tVLD4 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]"),
    "ld1r": (8, "MOVD $CONSTANT, R0\n\tVLD1R (R0), [V0.D2]"),
}  # fmt: skip
SIZE = 160
"""Bytes of each constant: more than is read of it."""


def _constant(name: str) -> bytes:
    """Random bytes that no other constant has; a small program has them once."""
    return b"".join(hashlib.sha256(f"{name}{part}".encode()).digest() for part in range(SIZE // 32))


def _build(goroot: Path, folder: Path, arch: str, cases: dict[str, tuple[int, str]]) -> bytes:
    folder.mkdir()
    calls = "\n".join(f"\t\t{name}()" for name in cases)
    (folder / "go.mod").write_text("module example.org/widths\n\ngo 1.21\n", "utf-8")
    (folder / "main.go").write_text(
        'package main\n\nimport "os"\n\n'
        + "\n".join(f"//go:noescape\nfunc {name}()\n" for name in cases)
        + f"\nfunc main() {{\n\tif len(os.Args) > 5 {{\n{calls}\n\t}}\n}}\n",
        "utf-8",
    )
    text = '#include "textflag.h"\n\n'
    for name, (_, code) in cases.items():
        content = _constant(name)
        for at in range(0, SIZE, 8):
            text += f"DATA c_{name}<>+{at}(SB)/8, $0x{int.from_bytes(content[at : at + 8], 'little'):016x}\n"
        text += f"GLOBL c_{name}<>(SB), RODATA|NOPTR, ${SIZE}\n"
        text += f"TEXT ·{name}(SB), NOSPLIT, $0-0\n\t{code.replace('CONSTANT', f'c_{name}<>(SB)')}\n\tRET\n\n"
    (folder / f"code_{arch}.s").write_text(text, "utf-8")
    out = folder / "out"
    GoBuild(goroot, folder, goarch=arch, flags=("-trimpath", "-ldflags=-s -w")).run(out)
    return out.read_bytes()


@pytest.mark.parametrize(("arch", "cases"), first(1, [("amd64", AMD64), ("arm64", ARM64)]))
def test_every_byte_that_is_read_counts_and_no_other(
    go_toolchain: Path, tmp_path: Path, arch: str, cases: dict[str, tuple[int, str]]
) -> None:
    original = _build(go_toolchain, tmp_path / arch, arch, cases)
    old = load(str(tmp_path / arch / "out"))
    patched = tmp_path / "patched"
    for name, (width, code) in cases.items():
        content = _constant(name)
        assert original.count(content) == 1
        for at in (0, width - 1, width):
            damaged = bytearray(original)
            damaged[original.index(content) + at] ^= 0x40
            patched.write_bytes(damaged)
            drift = compare(old, load(str(patched))).functions
            assert drift is not None
            found = {each.name for each in drift.changed}
            assert not drift.undecided
            if at < width:
                assert found == {f"main.{name}"}, (name, at)
            elif (
                "$CONSTANT" not in code and "LEAQ" not in code
            ):  # what is read at an address that was taken is a lower bound
                assert found == set(), name
