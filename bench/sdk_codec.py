"""
What typed events cost: writing and reading in each mode, beside pydantic and JSON Schema.

One event of 961 bytes (ten fields, six nested items, a choice, a time, patterns and ranges) goes
through one thread; times are CPU time of that thread, the best of many rounds, so that a busy
machine disturbs little. Importing is measured in fresh interpreters with their byte code cached.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import jsonschema
import msgspec
import pydantic

from bench.result import Figure, at_least
from learnflow_kafka.sdk.codec import Reader, Writer
from learnflow_kafka.sdk.contract import Envelope, EventType, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.effort import Effort

ROUNDS: Final = 3
"""For each of an effort's rounds; the best one counts."""
EVENTS: Final = 10_000
IMPORT_GOAL_MS: Final = 150
IMPORT_SHARE: Final = 0.4
"""Of what a service that sends events loads, the client is the part that nobody can do without."""

Sku = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9-]+$")]
Whole = Annotated[int, msgspec.Meta(ge=0)]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order."""

    sku: Sku
    quantity: Whole
    price_cents: Whole
    title: str


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order, as a catalog's schema would make it."""

    order_id: str
    customer_id: str
    status: Literal["new", "paid", "shipped"]
    placed_at: dt.datetime
    total_cents: Whole
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    email: str
    address: str
    items: list[Item]
    note: str | None = None


class ItemModel(pydantic.BaseModel):
    """The same line in pydantic."""

    sku: Annotated[str, pydantic.Field(pattern="^[A-Z0-9-]+$")]
    quantity: Annotated[int, pydantic.Field(ge=0)]
    price_cents: Annotated[int, pydantic.Field(ge=0)]
    title: str


class OrderModel(pydantic.BaseModel):
    """The same order in pydantic."""

    order_id: str
    customer_id: str
    status: Literal["new", "paid", "shipped"]
    placed_at: dt.datetime
    total_cents: Annotated[int, pydantic.Field(ge=0)]
    currency: Annotated[str, pydantic.Field(pattern="^[A-Z]{3}$")]
    email: str
    address: str
    items: list[ItemModel]
    note: str | None = None


ORDER: Final = Order(
    order_id="ord-7c9e6679-7425-40de-944b-e07fc1f90ae7",
    customer_id="customer-12345",
    status="paid",
    placed_at=dt.datetime(2026, 11, 23, 14, 18, 41, 123456, tzinfo=dt.UTC),
    total_cents=12_345,
    currency="EUR",
    email="somebody@example.com",
    address="Some street 12, 12345 Some town, Country",
    items=[
        Item(
            sku=f"SKU-{n:08}",
            quantity=n,
            price_cents=1_000 + n,
            title=f"Product number {n} {'x' * 20}",
        )
        for n in range(1, 7)
    ],
    note="please ring twice, the bell is broken",
)


def topic(mode: Envelope) -> Topic[Order]:
    """A topic of orders, in one mode."""
    return Topic(
        "orders",
        (EventType("order.placed", Order, schema_uri="urn:event:shop:order.placed:1"),),
        key="customer_id",
        envelope=mode,
    )


def cost(effort: Effort, function: Callable[[], object]) -> float:
    """The CPU time of one call in microseconds: the best round."""
    events, rounds = effort.of(EVENTS), effort.rounds * ROUNDS
    taken = timeit.repeat(function, number=events, repeat=rounds, timer=time.thread_time)
    return min(taken) / events * 1e6


def run(effort: Effort) -> list[Figure]:
    """All figures of codec and import."""
    return [*_modes(effort), *_against_others(effort), *_import(effort)]


def _modes(effort: Effort) -> list[Figure]:
    figures = []
    took = partial(cost, effort)
    for mode in Envelope:
        carried = topic(mode)
        writer, trusting = (
            Writer(carried, "/shop/web"),
            Writer(carried, "/shop/web", validate=False),
        )
        record, reader = writer.write(ORDER), Reader(carried)
        figures += [
            Figure(f"write, {mode}, validated", took(partial(writer.write, ORDER)), "us/event"),
            Figure(f"write, {mode}, trusted", took(partial(trusting.write, ORDER)), "us/event"),
            Figure(
                f"read, {mode}",
                took(partial(reader.read, record.value, record.headers)),
                "us/event",
                note=f"a record of {len(record.value)} bytes",
            ),
        ]
    return figures


def _against_others(effort: Effort) -> list[Figure]:
    """The codec alone, without envelope: a ratio within one run."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Order).decode
    data = encode(ORDER)
    given: dict[str, Any] = msgspec.to_builtins(ORDER)
    validator = jsonschema.Draft202012Validator(msgspec.json.schema(Order))
    took = partial(cost, effort)
    ours_out, ours_in = took(lambda: decode(encode(ORDER))), took(lambda: decode(data))
    model_out = took(lambda: OrderModel(**given).model_dump_json())
    model_in = took(lambda: OrderModel.model_validate_json(data))
    once = min(timeit.repeat(lambda: validator.validate(json.loads(data)), number=50, repeat=5))
    return [
        Figure("encode and check", ours_out, "us/event", note=f"{len(data)} bytes of JSON"),
        Figure("decode and check", ours_in, "us/event"),
        Figure("pydantic, construct and dump, beside it", model_out / ours_out, "times as long"),
        Figure("pydantic, validate JSON, beside it", model_in / ours_in, "times as long"),
        Figure(
            "jsonschema on parsed JSON, beside decode", once / 50 * 1e6 / ours_in, "times as long"
        ),
    ]


def _import(effort: Effort) -> list[Figure]:
    goal = f"at most {IMPORT_GOAL_MS} ms"
    runs = effort.rounds * ROUNDS
    sdk, raw = import_ms("learnflow_kafka.sdk", runs), import_ms("confluent_kafka", runs)
    events = import_ms("learnflow_kafka.events", runs)
    return [
        Figure(
            "import learnflow_kafka.sdk",
            sdk,
            "ms",
            goal,
            sdk <= IMPORT_GOAL_MS,
            f"best of {runs}; confluent_kafka alone: {raw:.0f} ms",
        ),
        at_least("confluent_kafka's share of it", raw / sdk, "of its time", IMPORT_SHARE),
        Figure("import learnflow_kafka.events", events, "ms"),
    ]


def import_ms(module: str, runs: int) -> float:
    """Milliseconds that one import takes in a fresh interpreter, its byte code cached."""
    program = (
        f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache
        command = [sys.executable, "-c", program]
        taken = [
            float(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
            for _ in range(runs + 1)
        ]
    return min(taken[1:]) * 1_000
