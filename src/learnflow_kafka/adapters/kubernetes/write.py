"""What we change on Kubernetes by our own hand; everything else is Helm's."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Final

from learnflow_kafka.errors import ApiError, ApiNotFoundError, HelmError

if TYPE_CHECKING:
    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.kubernetes import Pod

_CONFLICT: Final = 409


def create_namespace(client: Client) -> None:
    """Make the client's namespace; fine where it is there."""
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": client.namespace},
    }
    try:
        client.post("/api/v1/namespaces", body)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise


def delete_pod(client: Client, pod: Pod) -> None:
    """Delete this very pod; fine where it is gone, or another one bears its name already."""
    path = f"/api/v1/namespaces/{client.namespace}/pods/{pod.name}"
    try:
        client.delete(path, body={"preconditions": {"uid": pod.uid}})
    except ApiError as error:
        if not isinstance(error, ApiNotFoundError) and error.status != _CONFLICT:
            raise


def delete_claim(client: Client, name: str) -> None:
    """Delete a claim, and with it its data; fine where it is gone."""
    try:
        client.delete(f"/api/v1/namespaces/{client.namespace}/persistentvolumeclaims/{name}")
    except ApiNotFoundError:
        return


def fail_revision(client: Client, release: str, number: int) -> None:
    """
    Mark one try of Helm's as failed, in the Secret where Helm keeps it.

    Helm refuses to work on a release whose last try is still pending. The record stays, with
    all that was in it; raises HelmError where it is not one that we can read.
    """
    name = f"sh.helm.release.v1.{release}.v{number}"
    path = f"/api/v1/namespaces/{client.namespace}/secrets/{name}"
    secret = client.get(path)
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        record = json.loads(gzip.decompress(packed))
        record["info"]["status"] = "failed"
        record["info"]["description"] = "cut off; marked as failed by learnflow"
    except (KeyError, ValueError, TypeError, OSError, binascii.Error, zlib.error) as error:
        raise HelmError(
            f"the record of revision {number} is not one that we can read",
            where=f"secret {client.namespace}/{name}",
            fix=f"`helm rollback {release} --namespace {client.namespace}`, then deploy again",
        ) from error
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    data = {"release": base64.b64encode(packed).decode()}
    client.patch(path, {"metadata": {"labels": {"status": "failed"}}, "data": data})
