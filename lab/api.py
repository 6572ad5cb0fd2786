"""The API server, for the lab's own small controllers: JSON in, JSON out."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.places import Places

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

_MERGE: Final = {"Content-Type": "application/merge-patch+json"}
_GONE: Final = (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT)


class Api:
    """
    Requests as the administrator. Every method raises httpx.HTTPError.

    A missing or already existing object is no error: controllers look again.
    """

    def __init__(self, places: Places) -> None:
        context = ssl.create_default_context(cafile=str(places.pki / "ca.crt"))
        context.load_cert_chain(places.pki / "admin.crt", places.pki / "admin.key")
        # The lab is reached directly, whatever proxy the machine has.
        self._client = httpx.Client(
            base_url=places.server, verify=context, timeout=10, trust_env=False
        )

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def get(self, path: str) -> Object | None:
        """One object; None where there is none."""
        answer = self._client.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: Object = answer.raise_for_status().json()
        return found

    def items(self, path: str, labels: str = "") -> list[Object]:
        """The objects of a list, from the server's cache."""
        parameters = {"resourceVersion": "0", "labelSelector": labels}
        answer = self._client.get(path, params=parameters).raise_for_status()
        found: list[Object] = answer.json()["items"]
        return found

    def create(self, path: str, value: Mapping[str, object]) -> None:
        """Create it unless it exists."""
        self._check(self._client.post(path, json=value))

    def patch(self, path: str, value: Mapping[str, object]) -> None:
        """Merge the fields into what is there."""
        self._check(self._client.patch(path, json=value, headers=_MERGE))

    def delete(self, path: str) -> None:
        """Delete it if it is there."""
        self._check(self._client.delete(path))

    @staticmethod
    def _check(answer: httpx.Response) -> None:
        if answer.status_code not in _GONE:
            answer.raise_for_status()
