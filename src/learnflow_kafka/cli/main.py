"""
The table of commands, loaded one by one.

Only the module of the command that runs is imported, and the help texts of the overview
stand here, so that `learnflow --help` loads nothing.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka import __version__
from learnflow_kafka.cli import handler, pipes

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the overview: the command, its section and what it does."""

    name: str
    section: str
    summary: str

    @property
    def module(self) -> str:
        """The module that holds the command."""
        return f"learnflow_kafka.cli.commands.{self.name.replace('-', '_')}"


KUBERNETES: Final = "Kafka on Kubernetes"
HERE: Final = "Kafka on this machine"
CATALOG: Final = "The catalog, and plans for a cluster"
HEALTH: Final = "Health"
DAILY: Final = "Daily work"

COMMANDS: Final = (
    Entry("up", HERE, "Start Kafka here, apply the catalog, verify, say how to connect."),
    Entry("down", HERE, "Stop it; the data stays unless you wipe it."),
    Entry("status", HERE, "Brokers, ports, processes, disk and logs."),
    Entry("logs", HERE, "What the brokers write, as they write it."),
    Entry("kafka-tool", HERE, "Run one of Kafka's own Java tools."),
    Entry("demo", HERE, "Students and services: events through all topics, then a count."),
    Entry("deploy", KUBERNETES, "Install Kafka there, apply the catalog, verify, save a context."),
    Entry("undeploy", KUBERNETES, "Remove a release; the data stays unless you wipe it."),
    Entry("connect", KUBERNETES, "Tunnels from this machine to every broker of a release."),
    Entry("init", CATALOG, "Write a commented catalog to start from."),
    Entry("validate", CATALOG, "Check the catalog's files; needs no cluster."),
    Entry("plan", CATALOG, "What would change on the cluster, why, and at what risk."),
    Entry("apply", CATALOG, "Carry out a plan, then prove that nothing is left to do."),
    Entry("adopt", CATALOG, "Write a catalog from a live cluster."),
    Entry("export", CATALOG, "The catalog in other forms, for one environment."),
    Entry("codegen", CATALOG, "Event classes and the contract that the SDK imports."),
    Entry("verify", HEALTH, "Prove that the cluster works and is as declared."),
    Entry("doctor", HEALTH, "What is wrong, why, and the way out; causes before symptoms."),
    Entry("topics", DAILY, "List, describe and delete topics."),
    Entry("produce", DAILY, "Write records, checked against the topic's event."),
    Entry("consume", DAILY, "Read records; leaves no group behind."),
    Entry("groups", DAILY, "List, describe, reset and delete consumer groups."),
    Entry("lag", DAILY, "How far behind the groups are."),
    Entry("dlt", DAILY, "Dead letters: list, show, replay and purge."),
    Entry("context", DAILY, "Named clusters: add, choose, test."),
)


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the overview."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, or None where there is none of that name."""
        entry = next((e for e in COMMANDS if e.name == cmd_name), None)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names where there is no such command."""
        name = args[0]
        if not name.startswith("-") and all(e.name != name for e in COMMANDS):
            import difflib  # noqa: PLC0415 - only for a mistyped name

            near = difflib.get_close_matches(name, [e.name for e in COMMANDS], n=2)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """As click does, but a reader that goes away (`| head`) is no failure of ours."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            if not pipes.reader_gone():
                raise
            pipes.let_go()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The overview by sections, without importing a command."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            with formatter.section(section):
                rows = [(e.name, e.summary) for e in COMMANDS if e.section == section]
                formatter.write_dl([(f"{name:<10}", text) for name, text in rows])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Start with `learnflow up`. Every command has --help with an example, and --json. "
        "Exit codes: 0 done, 1 failed or not healthy, 2 wrong usage, 3 changes pending "
        "(plan --check), 130 interrupted, 143 terminated, 70 our bug."
    ),
)
@click.version_option(__version__, prog_name="learnflow")
def cli() -> None:
    """Kafka as your platform's event backbone: declare topics once, run, plan, prove."""


def run(args: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return handler.guarded(cli, list(args))
    finally:
        # Only a command that built tunnels has loaded their module.
        tunnels = sys.modules.get("learnflow_kafka.wiring.kubernetes")
        if tunnels is not None:
            tunnels.linger()
