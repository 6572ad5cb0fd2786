"""
Write the pages and schemas that are generated from the code.

    python -m docs.generate            (make docs)

`tests/docs/test_generated.py` holds that what is committed is what this writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from docs.chart import values_page

from docs import doctor_reference, sdk_reference
from learnflow_kafka.cli.main import COMMANDS, cli
from learnflow_kafka.core.plans.planfile import schema_text as plan_schema
from learnflow_kafka.wiring import catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
COLUMNS = 96


def pages() -> dict[str, str]:
    """Every generated file, by its path in the repository."""
    editor, plan = catalogs.editor_schema(), plan_schema()
    return {
        "docs/reference/commands.md": commands_page(),
        "docs/reference/doctor.md": doctor_reference.page(),
        "docs/reference/sdk.md": sdk_reference.page(),
        "docs/reference/catalog.md": catalogs.reference_page(),
        "docs/reference/chart.md": values_page(),
        "docs/reference/catalog.schema.json": editor,
        "src/learnflow_kafka/catalogs/catalog.schema.json": editor,
        "docs/reference/plan.schema.json": plan,
        "src/learnflow_kafka/cli/views/plan.schema.json": plan,
    }


def commands_page() -> str:
    """The help of every command, in the order of the overview."""
    root = click.Context(cli, info_name="learnflow", terminal_width=COLUMNS)
    lines = [
        "# Commands",
        "",
        "Written from `--help` by `make docs`.",
        "",
        "```text",
        cli.get_help(root),
        "```",
    ]
    for entry in COMMANDS:
        command = cli.get_command(root, entry.name)
        assert command is not None  # noqa: S101 - the table names it
        lines += ["", f"## {entry.name}", "", entry.summary]
        lines += _help(command, root, entry.name)
    return "\n".join(lines) + "\n"


def _help(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=COLUMNS)
    yield from ("", "```text", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            if found is not None:
                yield from ("", f"### {name} {sub}")
                yield from _help(found, context, sub)


def main() -> None:
    """Write every page."""
    for place, text in pages().items():
        (ROOT / place).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
