"""One Go ELF file -> BinaryFacts."""

from probes.binary.load import load

__all__ = ["load"]
