"""Where views write: a console for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """
    A console that wraps on terminals and leaves lines whole in pipes and files.

    Nothing is parsed as markup: topic names may hold brackets.
    """
    from rich.console import Console  # noqa: PLC0415 - costs 60 ms; JSON needs none

    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made = Console(
            stderr=stderr, markup=False, highlight=False, emoji=False, width=10_000, soft_wrap=True
        )
    return made


def emit_json(value: Mapping[str, object]) -> None:
    """Write one JSON object, indented, to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
