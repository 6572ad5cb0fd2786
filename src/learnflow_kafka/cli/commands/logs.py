"""`learnflow logs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.durations import Seconds
from learnflow_kafka.cli.options import Place, json_option, kubernetes_options
from learnflow_kafka.core.kubernetes import BROKER, CONTROLLER, ZOOKEEPER
from learnflow_kafka.core.local import DEFAULT_NAME
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.connection import Kubernetes


@click.command(
    epilog="""\b
Example:
  learnflow logs
  learnflow logs -f
  learnflow logs --broker 2 -n 200
  learnflow logs --context kafka -f
  learnflow logs --namespace kafka --since 10m
  learnflow logs --namespace kafka --broker 1 --previous"""
)
@click.option("--name", help="Which cluster of this machine, where you have several.")
@click.option("--context", "-c", "context", metavar="NAME", help="A saved context on Kubernetes.")
@kubernetes_options
@click.option(
    "--component",
    type=click.Choice([BROKER, CONTROLLER, ZOOKEEPER]),
    default=BROKER,
    show_default=True,
    help="Whose pods on Kubernetes.",
)
@click.option(
    "--broker",
    "brokers",
    type=int,
    multiple=True,
    help="Only this broker (0 on this machine: ZooKeeper). On Kubernetes: the pod's number.",
)
@click.option("--lines", "-n", type=click.IntRange(min=0), help="How many of each. Default: 50.")
@click.option(
    "--since", type=Seconds(), metavar="DURATION", help="Only lines of the last 10m, 1h (pods)."
)
@click.option("--previous", is_flag=True, help="Of the container before the last restart (pods).")
@click.option("--follow", "-f", is_flag=True, help="Go on until the cluster stops, or Ctrl-C.")
@json_option
def command(
    *,
    name: str | None,
    context: str | None,
    place: Place,
    component: str,
    brokers: tuple[int, ...],
    lines: int | None,
    since: float | None,
    previous: bool,
    follow: bool,
    as_json: bool,
) -> int:
    """
    What the brokers write, as they write it; on Kubernetes through restarts of pods.

    Of this machine's cluster, or, with a context or a namespace, of a release on Kubernetes.
    """
    if lines is None and since is None:
        lines = _USUAL
    where = _place(name, context, place)
    if where is None:
        if since is not None or previous:
            raise UsageError("--since and --previous are for pods; use -n here")
        _local(name or DEFAULT_NAME, brokers, lines or 0, follow=follow, as_json=as_json)
        return 0
    if previous and follow:
        raise UsageError("what was before a restart cannot be followed; leave --follow out")
    pods = _pods(where, component, brokers)
    _show(where, pods, lines, since, follow=follow, previous=previous, as_json=as_json)
    return 0


_USUAL = 50


def _place(name: str | None, context: str | None, said: Place) -> Kubernetes | None:
    """Where on Kubernetes; None: this machine."""
    from learnflow_kafka.cli.places import of_context
    from learnflow_kafka.core.contexts import is_local
    from learnflow_kafka.wiring import contexts

    if name is not None:
        if context is not None or said.said:
            raise UsageError("--name is a cluster of this machine; it goes with no place elsewhere")
        return None
    if context is not None and is_local(context):
        raise UsageError(
            "a cluster of this machine is named with --name", where="--context", fix="--name NAME"
        )
    if context is None and not said.said and contexts.on_kubernetes() is None:
        return None
    return of_context(context, said)


def _local(name: str, brokers: tuple[int, ...], lines: int, *, follow: bool, as_json: bool) -> None:
    from learnflow_kafka.cli.views import local
    from learnflow_kafka.wiring.local import runtime

    here = runtime()
    cluster = here.find(name)
    several = cluster is not None and len(cluster.nodes) > 1
    for log in here.logs(name, nodes=brokers or None, last=lines, follow=follow):
        if as_json:
            click.echo(json.dumps(local.log_json(log)))
        else:
            click.echo(local.log_text(log, several=several))


def _pods(where: Kubernetes, component: str, numbers: tuple[int, ...]) -> list[str]:
    """The pods that are meant; raises KubernetesError where there are none."""
    from learnflow_kafka.core.kubernetes import named_pods
    from learnflow_kafka.wiring import kubernetes

    return named_pods(kubernetes.platform(where).snapshot(), where, component, numbers)


def _show(
    where: Kubernetes,
    pods: list[str],
    lines: int | None,
    since: float | None,
    *,
    follow: bool,
    previous: bool,
    as_json: bool,
) -> None:
    from learnflow_kafka.wiring import kubernetes

    width = max(map(len, pods))
    found = kubernetes.platform(where).logs(
        pods, lines=lines, since=since, follow=follow, previous=previous
    )
    for line in found:
        if as_json:
            entry = {"kind": "log", "version": 1, "pod": line.pod, "text": line.text}
            click.echo(json.dumps(entry))
        else:
            click.echo(f"{line.pod:<{width}}  {line.text}")
