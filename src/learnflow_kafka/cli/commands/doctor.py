"""`learnflow doctor`: what is wrong, why, and the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Place,
    Target,
    catalog_options,
    client_option,
    json_option,
    kubernetes_options,
    refuse_client,
    target_options,
)
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.diagnosis.evidence import Evidence


@click.command(
    epilog="""\b
Example:
  learnflow doctor
  learnflow doctor --namespace kafka --save evidence.json
  learnflow doctor --from evidence.json
  learnflow doctor --namespace kafka --client shop/orders-0

Changes nothing. Findings and their names: docs/reference/doctor.md. Exit code 0 when nothing
is wrong; 1 when something is, or could not be looked at."""
)
@target_options
@kubernetes_options
@catalog_options
@client_option("Look from this client's pod too, and judge network policies for it.")
@click.option("--save", metavar="FILE", help="Write the evidence too, for a colleague.")
@click.option("--from", "source", metavar="FILE", help="Judge saved evidence; asks no cluster.")
@click.option(
    "--allow-unchecked", is_flag=True, help="Count as healthy what could not be looked at."
)
@json_option
def command(
    *,
    target: Target,
    place: Place,
    catalog: str | None,
    environment: str | None,
    client: tuple[str, str] | None,
    save: str | None,
    source: str | None,
    allow_unchecked: bool,
    as_json: bool,
) -> int:
    """
    Say what is wrong with a Kafka, why, and the way out; causes before symptoms.

    Looks at pods, claims, nodes, quotas, services, policies, events, logs, Helm's releases and
    ZooKeeper, and asks every broker alone: for Kafka that this tool deployed or any other, on
    Kubernetes, on this machine, or at an address. With --namespace (or any flag about
    Kubernetes) it looks there. What cannot be read is said, and counts as not healthy. The
    saved evidence holds no secret, no record and no whole log.
    """
    from learnflow_kafka.cli.views import diagnosis as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.core.diagnosis.table import diagnose

    if source is not None and (target.context or target.bootstrap or place.said or client or save):
        raise UsageError("--from judges a file, and asks no cluster", where="--from")
    if source is not None:
        evidence = _read(source)
    else:
        evidence = _gather(target, place, catalog, environment, client)
    if save is not None:
        _write(evidence, save)
    found = diagnose(evidence)
    good = found.healthy(allow_unchecked=allow_unchecked)
    if as_json:
        output.emit_json(view.as_json(found, evidence, healthy=good))
    else:
        view.show(found, evidence, output.console(), healthy=good)
    return 0 if good else 1


def _gather(
    target: Target,
    place: Place,
    catalog: str | None,
    environment: str | None,
    client: tuple[str, str] | None,
) -> Evidence:
    from learnflow_kafka.cli.places import of_context, settled
    from learnflow_kafka.cli.progress import warn
    from learnflow_kafka.wiring import contexts, doctor

    if place.said and target.bootstrap is not None:
        raise UsageError("give --bootstrap or a place on Kubernetes, not both")
    if place.said:
        where = of_context(target.context, place)
        context = contexts.of_place(where)
    elif (name := doctor.local_name(target)) is not None:
        refuse_client(client)
        wanted = doctor.desired(doctor.local_context(name), catalog, environment, deployed=False)
        return doctor.on_this_machine(name, wanted)
    else:
        context = contexts.resolve(target)
        if context.kubernetes is None:
            refuse_client(client)
            wanted = doctor.desired(context, catalog, environment, deployed=False, tell=warn)
            return doctor.at_addresses(context, wanted)
        where = settled(place, context)
    wanted = doctor.desired(context, catalog, environment, deployed=True)
    return doctor.on_kubernetes(where, context, asker=client, desired=wanted)


def _read(source: str) -> Evidence:
    from learnflow_kafka.core.diagnosis.document import from_document

    try:
        found = json.loads(Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=source) from error
    except ValueError as error:
        raise UsageError("this is not JSON", where=source) from error
    return from_document(found, where=source)


def _write(evidence: Evidence, save: str) -> None:
    from learnflow_kafka.core.diagnosis.document import to_document

    text = json.dumps(to_document(evidence), indent=1, sort_keys=True) + "\n"
    try:
        Path(save).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=save) from error
