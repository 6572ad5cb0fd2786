"""Plain tables: no frames, so that lines can be cut, copied and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def records_text(count: int | None) -> str:
    """
    How many records; None: not known.

    >>> records_text(1), records_text(1200), records_text(None)
    ('1 record', '1,200 records', '? records')
    """
    return f"{'?' if count is None else f'{count:,}'} record{'' if count == 1 else 's'}"


def table(*columns: str) -> Table:
    """
    A table of these columns; a name that ends in `>` is set to the right, as numbers are.

    Cells are text as it stands: nothing in them is taken for markup.
    """
    from learnflow_kafka.cli.views.whole import WholeTable  # noqa: PLC0415 - JSON needs no rich

    made = WholeTable(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.endswith(">")
        made.add_column(column.removesuffix(">"), justify="right" if right else "left")
    return made
