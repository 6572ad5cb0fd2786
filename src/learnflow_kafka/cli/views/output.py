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
    A console that leaves lines whole; a terminal wraps them itself, so that they can be copied.

    Nothing is parsed as markup: topic names may hold brackets.
    """
    from rich.console import Console  # noqa: PLC0415 - costs 60 ms; JSON needs none

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def emit_json(value: Mapping[str, object]) -> None:
    """Write one JSON object, indented, to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
