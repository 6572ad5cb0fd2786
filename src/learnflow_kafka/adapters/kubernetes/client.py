"""
Requests to one API server.

Objects come and go as the API's own JSON (plain dicts); modules beside this one turn them
into core values. Every call raises the errors of `errors.py` and nothing of httpx's. A client
may be used by several threads at once.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import httpx

from learnflow_kafka.adapters.kubernetes import kubeconfig
from learnflow_kafka.adapters.kubernetes.errors import refused, translated
from learnflow_kafka.errors import ApiNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from learnflow_kafka.adapters.kubernetes.kubeconfig import Access

Object: TypeAlias = "dict[str, Any]"
"""One object of the API, as its JSON says it."""

CONNECT: Final = 5.0
REQUEST: Final = 10.0
"""Seconds, to take a connection and to answer: an API server that needs longer is a finding."""

_UNAUTHORIZED: Final = 401
_REFUSED: Final = 400


def connect(
    path: str | None = None, context: str | None = None, *, namespace: str | None = None
) -> Client:
    """
    A client of the API server that a kubeconfig names; nothing is asked yet.

    `path` and `context` None: as kubectl would choose; `namespace` None: the context's own,
    else `default`. Raises KubeconfigError.
    """
    access = kubeconfig.load(path, context)
    return Client(access, namespace or access.namespace or "default")


class Client:
    """One API server, and the namespace that is worked in."""

    def __init__(self, access: Access, namespace: str) -> None:
        self.access = access
        self.namespace = namespace
        self._http = httpx.Client(
            base_url=access.server,
            verify=access.tls if access.tls is not None else True,
            proxy=access.proxy,
            trust_env=False,  # the proxy is settled in kubeconfig.py
            timeout=httpx.Timeout(REQUEST, connect=CONNECT),
            limits=httpx.Limits(max_connections=32),
            headers={"Accept": "application/json", "User-Agent": "learnflow-kafka"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Object:
        """The object, or the list object, at a path such as `/api/v1/nodes`."""
        return self._json("GET", path, params=params)

    def find(self, path: str) -> Object | None:
        """The object at a path, or None where there is none."""
        try:
            return self.get(path)
        except ApiNotFoundError:
            return None

    def items(
        self, path: str, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """
        The objects of a list, in one request; `labels` and `fields` are selectors.

        The items of a list carry no `kind` of their own.
        """
        chosen = {"labelSelector": labels, "fieldSelector": fields}
        found = self.get(path, {key: text for key, text in chosen.items() if text is not None})
        return list(found.get("items") or [])

    def post(self, path: str, body: Object) -> Object:
        """Create an object, or ask a review such as SelfSubjectAccessReview."""
        return self._json("POST", path, body=body)

    def patch(self, path: str, body: Object) -> Object:
        """Change an object by a merge patch."""
        return self._json("PATCH", path, body=body, content="application/merge-patch+json")

    def delete(self, path: str, body: Object | None = None) -> Object:
        """Delete an object; `body` holds DeleteOptions, such as preconditions."""
        return self._json("DELETE", path, body=body)

    def text(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The body as text, such as a pod's log."""
        return self._send("GET", path, params=params).text

    @contextmanager
    def lines(
        self, path: str, params: Mapping[str, str] | None = None, *, quiet: float
    ) -> Iterator[Iterator[str]]:
        """
        The body's lines as they come: a log that is followed.

        After `quiet` seconds without any it raises ApiUnreachableError: nobody can tell a pod
        that is silent from a connection that is dead.
        """
        timeout = httpx.Timeout(quiet, connect=CONNECT)
        try:
            with self._http.stream(
                "GET",
                path,
                params=params,
                headers=self._headers(),
                timeout=timeout,
                extensions=self._extensions(),
            ) as answer:
                if answer.status_code >= _REFUSED:
                    answer.read()
                    raise refused(answer.status_code, _body(answer), path)
                yield answer.iter_lines()
        except httpx.HTTPError as error:
            raise translated(error, self.access.server) from error

    def _json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        return _body(self._send(method, path, params=params, body=body, content=content))

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
    ) -> httpx.Response:
        def once(*, renew: bool) -> httpx.Response:
            headers = self._headers(renew=renew)
            if body is not None:
                headers["Content-Type"] = content
            try:
                return self._http.request(
                    method,
                    path,
                    params=params,
                    headers=headers,
                    content=None if body is None else json.dumps(body),
                    extensions=self._extensions(),
                )
            except (httpx.HTTPError, OSError) as error:
                raise translated(error, self.access.server) from error

        answer = once(renew=False)
        if answer.status_code == _UNAUTHORIZED:
            answer = once(renew=True)
        if answer.status_code >= _REFUSED:
            raise refused(answer.status_code, _body(answer), path)
        return answer

    def _headers(self, *, renew: bool = False) -> dict[str, str]:
        return self.access.headers(renew=renew)

    def _extensions(self) -> dict[str, str]:
        name = self.access.server_name
        return {"sni_hostname": name} if name else {}


def _body(answer: httpx.Response) -> Object:
    """The JSON object of an answer; empty where something else than the API spoke."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
