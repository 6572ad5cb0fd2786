"""`learnflow kafka-tool`."""

from __future__ import annotations

import os
import sys

import click

from learnflow_kafka.core.local import DEFAULT_NAME


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Example:
  learnflow kafka-tool kafka-topics --list
  learnflow kafka-tool kafka-console-consumer --topic learning.query --from-beginning
  learnflow kafka-tool --name shop kafka-consumer-groups --all-groups --describe
  learnflow kafka-tool --json kafka-topics --list

The cluster's address is added unless you give one. Flags of learnflow stand before the tool's
name; --json prints the command line instead of running it.""",
)
@click.option("--name", default=DEFAULT_NAME, help="Which cluster, where you have several.")
@click.option("--json", "as_json", is_flag=True, help="Print the Java command line as JSON.")
@click.argument("tool")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(*, name: str, as_json: bool, tool: str, args: tuple[str, ...]) -> int:
    """
    Run one of Kafka's own Java tools, from the same jars as the brokers.

    Its exit code, output and input are the tool's.
    """
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring.local import runtime

    words = runtime().tool_command(name, tool, args)
    if as_json:
        output.emit_json({"kind": "kafka-tool", "version": 1, "command": words})
    else:
        sys.stdout.flush()
        os.execv(words[0], words)  # noqa: S606 - the user's command, and no shell
    return 0
