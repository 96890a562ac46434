"""What exec makes of privileges."""

from __future__ import annotations

from msgspec import Struct


class PrivilegeFacts(Struct, frozen=True):
    """What exec of NEW makes of the process's privileges, by capabilities(7). Masks: bit n stands for capability n."""

    source: str
    permitted: tuple[int, int]
    """Now, and after exec."""
    effective: tuple[int, int]
    uid: tuple[int, int]
    """The effective one now, and after exec."""
    gid: tuple[int, int]
    no_new_privs: bool
    reason: str
    """What about NEW decides: its file's capabilities or its set-id bits."""

    def summary(self) -> str:
        """What it comes to, in words."""
        pairs = (self.permitted, self.effective, self.uid, self.gid)
        return "unchanged by exec" if all(now == then for now, then in pairs) else f"changed by exec: {self.reason}"
