"""`learnflow status`."""

from __future__ import annotations

import click

from learnflow_kafka.cli.options import json_option
from learnflow_kafka.core.local import DEFAULT_NAME, name_flag


@click.command(
    epilog="""\b
Example:
  learnflow status
  learnflow status --json
  learnflow status --all

Exit code 0 when everything runs and every broker is registered, else 1."""
)
@click.option("--name", default=DEFAULT_NAME, help="Which cluster, where you have several.")
@click.option("--all", "everything", is_flag=True, help="Every cluster of this machine.")
@json_option
def command(*, name: str, everything: bool, as_json: bool) -> int:
    """Brokers, roles, leader, ports, processes, disk and logs of Kafka on this machine."""
    from learnflow_kafka.app.status import status
    from learnflow_kafka.cli.views import local, output
    from learnflow_kafka.wiring import kafka
    from learnflow_kafka.wiring.local import runtime

    here = runtime()
    names = here.names() if everything else (name,)
    found = {each: status(each, here, kafka.admin) for each in names}
    if as_json:
        documents = [
            local.status_json(s) if s else local.no_cluster_json(n) for n, s in found.items()
        ]
        output.emit_json(local.all_json(documents) if everything else documents[0])
    for each, one in found.items() if not as_json else ():
        if one is None:
            up = f"learnflow up{name_flag(each)}"
            click.echo(f"there is no cluster {each!r} on this machine\nnext: {up}")
        else:
            local.show_status(one, output.console())
    return 0 if all(one is not None and one.healthy for one in found.values()) else 1
