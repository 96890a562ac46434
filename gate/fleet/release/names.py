"""Names in a plan end up in playbooks, workflows, command lines and pages: they are plain, or refused.

Each engine expands something of its own: Jinja `{{ }}`, `{% %}` and `{# #}`, Argo `{{ }}` and `{{= }}`, a shell `$`, backticks and `;`.
"""

from __future__ import annotations

import re

from gate.policy.errors import PolicyError

COMPONENT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}"
GROUP = r"[A-Za-z_][A-Za-z0-9_.-]{0,127}"
HOST = r"[A-Za-z0-9_]([A-Za-z0-9._:-]{0,252}[A-Za-z0-9_])?"
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
IMAGE = r"[a-z0-9][A-Za-z0-9._:/-]{0,254}"

_TEMPLATE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\$[({A-Za-z_]|`|<%|\$\$")
_LETTERS = {
    COMPONENT: "letters, digits, '.', '_' and '-', at most 63 of them, and begins with a letter or digit",
    VERSION: "letters, digits, '.', '_', '+', '~' and '-', at most 64 of them, and begins with a letter or digit",
    GROUP: "letters, digits, '.', '_' and '-', and begins with a letter or '_'",
    HOST: "letters, digits, '.', '_', ':' and '-'",
    LABEL: "lower-case letters, digits and '-', at most 63 of them (RFC 1123)",
    IMAGE: "letters, digits, '.', '_', ':', '/' and '-'",
}


def refuse_templates(text: str) -> None:
    """Raise PolicyError for text that an engine or a shell would expand."""
    found = _TEMPLATE.search(text)
    if found is not None:
        raise PolicyError(
            f"{text[:60]!r} has template syntax ({found[0]}), which Ansible, Argo or a shell would expand",
            hint="names are plain text",
        )


def checked_name(text: str, pattern: str) -> str:
    """`text`, which `pattern`, one of the above, describes.

    Raises:
        PolicyError: it does not; template syntax is named as such.
    """
    refuse_templates(text)
    if re.fullmatch(pattern, text, re.ASCII) is None:
        raise PolicyError(f"{text[:60]!r} is no name here: it has {_LETTERS[pattern]}")
    return text


def checked_words(text: str) -> str:
    """A line for people, such as an owner: printable, and without template syntax.

    Raises:
        PolicyError: it is neither.
    """
    refuse_templates(text)
    if not text.isprintable() or len(text) > 200:
        raise PolicyError(f"{text[:60]!r} is no line of at most 200 printable characters")
    return text


def checked_path(text: str) -> str:
    """A path that no tool can take for an option or a template.

    Raises:
        PolicyError: it is none.
    """
    refuse_templates(text)
    if not text or text.startswith("-") or not text.isprintable():
        raise PolicyError(f"{text[:60]!r} is no path here: it is printable and does not begin with '-'")
    return text
