"""Functions of a program followed, each once."""

from __future__ import annotations

from probes.code.machine import Machine, Reader
from probes.code.program import ARGUMENTS, Program
from probes.code.values import Trace


class Tracing:
    """What functions of one program do; each is followed when it is first asked for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.registers = ARGUMENTS[program.facts.arch]
        self._machines: dict[int, Machine] = {}
        self._known: dict[int, Trace] = {}

    def of(self, row: int) -> Trace:
        """What function `row` does."""
        found = self._known.get(row)
        if found is None:
            found = self._known[row] = self._machine(row).follow()
        return found

    def reader(self, row: int) -> Reader:
        """The instructions of function `row`."""
        return self._machine(row).reader

    def _machine(self, row: int) -> Machine:
        found = self._machines.get(row)
        if found is None:
            if self.program.arm:
                from probes.code.arm64 import Arm64Reader  # noqa: PLC0415 - one of the two

                found = Machine(self.program, row, Arm64Reader)
            else:
                from probes.code.amd64 import Amd64Reader  # noqa: PLC0415

                found = Machine(self.program, row, Amd64Reader)
            self._machines[row] = found
        return found
