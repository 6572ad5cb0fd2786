"""Tables that keep their cells whole on terminals of any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_ANY_WIDTH: Final = 100_000


class WholeTable(Table):
    """
    A table as wide as its cells; where the terminal is narrower, the terminal wraps it.

    A topic's name cut to `code.exec…` could not be copied into the next command.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich does it, with room for every cell."""
        room = options.update(max_width=_ANY_WIDTH)
        width = self.__rich_measure__(console, room).maximum
        yield from super().__rich_console__(console, options.update(max_width=width))
