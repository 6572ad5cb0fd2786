"""Requests to an API server: what is sent, and what becomes of refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.support.api_server import ApiServer, Asked, status
from tests.support.ports import free_ports

from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.errors import (
    ApiError,
    ApiForbiddenError,
    ApiLoginError,
    ApiNotFoundError,
    ApiUnreachableError,
)


class Renewed:
    """A login whose first token has expired."""

    def headers(self, *, renew: bool) -> dict[str, str]:
        return {"Authorization": f"Bearer {'new' if renew else 'old'}"}

    def certificate(self) -> None:
        return None


@contextmanager
def serving(
    answer: Callable[[Asked], tuple[int, object]], login: Renewed | FixedToken | None = None
) -> Iterator[tuple[Client, ApiServer]]:
    with ApiServer(answer).running() as server:
        access = Access(server.url, None, login or FixedToken("Bearer t0ken"))
        with Client(access, "kafka") as client:
            yield client, server


def test_a_list_is_one_request_with_its_selectors():
    """Selectors are the server's work, and the items come as they are."""
    with serving(lambda _: (200, {"items": [{"metadata": {"name": "a"}}]})) as (client, server):
        found = client.items("/api/v1/pods", labels="app=kafka", fields="x=y")

    assert found == [{"metadata": {"name": "a"}}]
    assert [a.target for a in server.asked] == [
        "/api/v1/pods?labelSelector=app%3Dkafka&fieldSelector=x%3Dy"
    ]
    assert server.asked[0].headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, ApiLoginError),
        (403, ApiForbiddenError),
        (404, ApiNotFoundError),
        (409, ApiError),
        (500, ApiError),
    ],
)
def test_a_refusal_keeps_the_servers_words(code: int, kind: type[ApiError]):
    """Status, reason and message are the API's; what asked is named by its path."""
    with (
        serving(lambda _: status(code, "Reason", "pods is not for you")) as (client, _),
        pytest.raises(kind, match="pods is not for you") as caught,
    ):
        client.get("/api/v1/pods")

    assert (caught.value.status, caught.value.reason) == (code, "Reason")
    assert caught.value.where == "/api/v1/pods"


def test_an_object_that_is_not_there_can_be_looked_for():
    """`find` takes 404 for an answer, and nothing else."""
    with serving(lambda _: status(404, "NotFound", "no")) as (client, _):
        assert client.find("/x") is None
    forbidden = serving(lambda _: status(403, "Forbidden", "no"))
    with forbidden as (client, _), pytest.raises(ApiForbiddenError):
        client.find("/x")


def test_an_expired_login_is_renewed_once():
    """A program that logs in is asked again before anybody is bothered."""

    def answer(asked: Asked) -> tuple[int, object]:
        good = asked.headers["authorization"] == "Bearer new"
        return (200, {"ok": True}) if good else status(401, "Unauthorized", "expired")

    with serving(answer, Renewed()) as (client, server):
        assert client.get("/version") == {"ok": True}

    assert len(server.asked) == 2


def test_something_else_than_the_api_is_not_believed():
    """A proxy's page in HTML is an error with its status, not a crash."""
    page = serving(lambda _: (502, "<html>"))
    with page as (client, _), pytest.raises(ApiError, match="HTTP status 502"):
        client.get("/version")


def test_a_dead_server_is_named_with_what_to_check():
    """Nobody listens: the address stands in the error."""
    url = f"http://127.0.0.1:{free_ports(1)}"

    dead = Client(Access(url, None, FixedToken(None)), "kafka")
    with dead as client, pytest.raises(ApiUnreachableError, match="does not answer") as caught:
        client.get("/version")

    assert caught.value.where == url
    assert caught.value.fix


def test_a_patch_is_a_merge_and_a_delete_may_have_conditions():
    """The media type decides what the API does with a patch."""
    with serving(lambda _: (200, {})) as (client, server):
        client.patch("/x", {"a": 1})
        client.delete("/x", {"preconditions": {"uid": "u"}})

    assert server.asked[0].headers["content-type"] == "application/merge-patch+json"
    assert json.loads(server.asked[1].body) == {"preconditions": {"uid": "u"}}
    assert server.asked[1].method == "DELETE"
