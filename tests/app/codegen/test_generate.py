"""One module from a catalog: the same each time, formatted, and honest about what is lost."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.schemas import catalog_of, event, fields, loaded

from learnflow_kafka.app.codegen import generate
from learnflow_kafka.core.catalog import (
    Catalog,
    Compatibility,
    Envelope,
    Guarantee,
    Place,
    Reply,
    Retries,
    RetryMode,
    Service,
    Subscription,
    Topic,
)
from learnflow_kafka.errors import CatalogError
from learnflow_kafka.sdk.contract import Contract
from learnflow_kafka.wiring.catalogs import load

ROOT = Path(__file__).parents[3]
TEXT = {"type": "string"}
ORDER = fields({"order_id": TEXT, "orderNo": {"type": "integer"}}, "order_id", title="Order placed")
LONG = 'A description that is far too long for one line, with "quotes" and back\\slashes, ' * 3

SHOP = replace(
    catalog_of(
        event(ORDER, name="order.placed"),
        event(fields({"order_id": TEXT}, "order_id", description=LONG), name="order.paid"),
        event(
            fields(
                {
                    "from": {"enum": ["a" * 30, "b" * 30, "c" * 30], "description": LONG},
                    "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{8}-[a-z]{12}-x{40}$"},
                    "a-very-long-name-for-a-field-that-nobody-would-write": {
                        "type": "string",
                        "default": "and a long default as well",
                    },
                    "when": {"type": "string", "format": "date-time"},
                    "id": {"type": "string", "format": "uuid"},
                }
            ),
            name="stock.moved",
        ),
        topics=(
            Topic(
                "orders",
                6,
                key="order_id",
                events=("order.placed", "order.paid"),
                envelope=Envelope.BINARY,
                max_record_bytes=4096,
                reply=Reply("answers", "order_id", Place("shop/topics.yaml", 9)),
                place=Place("shop/topics.yaml", 5),
            ),
            Topic("answers", 1, events=("order.paid",), place=Place("shop/topics.yaml", 12)),
            Topic("stock", 1, events=("stock.moved",), place=Place("shop/topics.yaml", 14)),
            Topic("raw", 1, place=Place("shop/topics.yaml", 16)),
        ),
    ),
    services={
        "ware-house": Service(
            "ware-house",
            produces=("answers",),
            consumes=(
                Subscription(
                    "orders", "wh", dead_letter=False, place=Place("shop/services.yaml", 6)
                ),
                Subscription(
                    "stock",
                    "wh",
                    retries=Retries(2, 100, mode=RetryMode.TOPICS),
                    concurrency=4,
                    place=Place("shop/services.yaml", 7),
                ),
            ),
            place=Place("shop/services.yaml", 3),
        )
    },
)


def contract(catalog: Catalog) -> Contract:
    """The contract in a catalog's module."""
    made: Contract = loaded(generate(catalog)).CONTRACT
    return made


def faults(catalog: Catalog) -> list[str]:
    """What keeps codegen from writing a catalog's module."""
    with pytest.raises(CatalogError) as caught:
        generate(catalog)
    return [f"{p.file}:{p.line} {p.path}: {p.what}" for p in caught.value.problems]


@pytest.mark.parametrize("catalog", [SHOP, load(None), catalog_of(), Catalog("bare", {})])
def test_the_text_needs_no_formatter(catalog: Catalog, tmp_path: Path) -> None:
    """Ruff has nothing to format and nothing to say, with every rule of this repository."""
    file = tmp_path / "__init__.py"
    file.write_text(generate(catalog).text, encoding="utf-8")
    for words in (("format", "--diff"), ("check",)):
        command = [sys.executable, "-m", "ruff", *words, "--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout


def test_the_same_catalog_gives_the_same_text() -> None:
    """Also where the files were loaded by another path."""
    moved = replace(
        SHOP,
        files=tuple(f"/tmp/x/{name}" for name in SHOP.files),
        topics={n: replace(t, place=_moved(t.place)) for n, t in SHOP.topics.items()},
        services={n: _moved_service(s) for n, s in SHOP.services.items()},
        events={n: replace(e, place=_moved(e.place)) for n, e in SHOP.events.items()},
    )
    reply = moved.topics["orders"].reply
    assert reply is not None
    moved.topics["orders"] = replace(  # type: ignore[index] # a dict, made above
        moved.topics["orders"], reply=replace(reply, place=_moved(reply.place))
    )

    assert generate(moved).text == generate(SHOP).text


def _moved(place: Place) -> Place:
    return replace(place, file=f"/tmp/x/{place.file}")


def _moved_service(service: Service) -> Service:
    return replace(
        service,
        place=_moved(service.place),
        consumes=tuple(replace(c, place=_moved(c.place)) for c in service.consumes),
    )


def test_the_digest_is_of_what_holds_and_not_of_its_place() -> None:
    """A comment added to the catalog moves lines and changes no contract; a retry does."""
    lower = replace(SHOP.topics["raw"], place=Place("shop/topics.yaml", 99))
    moved = replace(SHOP, topics={**SHOP.topics, "raw": lower})
    more = replace(SHOP, topics={**SHOP.topics, "raw": replace(lower, partitions=2)})

    assert generate(moved).digest == generate(SHOP).digest
    assert generate(moved).text != generate(SHOP).text
    assert generate(more).digest != generate(SHOP).digest


def test_topics_carry_what_the_catalog_says() -> None:
    """A topic's literal holds its classes, key, envelope and the line that declared it."""
    module = loaded(generate(SHOP))
    orders = module.ORDERS

    assert orders.classes == (module.OrderPlaced, module.OrderPaid)
    assert (orders.partitions, orders.key, orders.envelope) == (6, "order_id", Envelope.BINARY)
    assert orders.max_record_bytes == 4096
    assert str(orders.place) == "topics.yaml:5"
    assert orders.events[0].schema_uri == "urn:event:shop:order.placed:1"


def test_services_carry_what_the_catalog_says() -> None:
    """A service's literal holds its directions, with the topics that follow from them."""
    service = contract(SHOP).service("ware-house")
    plain, retried = service.consumes

    assert service.source == "/shop/ware-house"
    assert [t.name for t in service.produces] == ["answers"]
    assert (plain.group, plain.retry_topics, plain.dead_letter_topic) == ("wh", (), None)
    assert retried.retry_topics == ("stock.wh.retry.1", "stock.wh.retry.2")
    assert retried.dead_letter_topic == "stock.wh.dlt"
    assert (retried.concurrency, retried.retries.backoff_ms) == (4, 100)


def test_exactly_once_is_frozen_where_it_is_asked_for() -> None:
    """It changes the contract of the service that asks, and the text of no other."""
    service = SHOP.services["ware-house"]
    first, second = service.consumes
    once = replace(service, consumes=(replace(first, delivery=Guarantee.EXACTLY_ONCE), second))
    catalog = replace(SHOP, services={"ware-house": once})
    frozen = contract(catalog).service("ware-house").consumes

    assert [read.exactly_once for read in frozen] == [True, False]
    assert generate(catalog).digest != generate(SHOP).digest
    assert "delivery" not in generate(SHOP).text


def test_exchanges_pair_requests_with_replies() -> None:
    """A topic with a reply makes an exchange, with the fields that pair the two."""
    (exchange,) = contract(SHOP).exchanges

    assert (exchange.request.name, exchange.reply.name) == ("orders", "answers")
    assert (exchange.request_field, exchange.reply_field) == ("order_id", "order_id")


def test_a_topic_without_event_is_told() -> None:
    """The SDK cannot use it, which nobody should find out in production."""
    assert generate(SHOP).notices == (
        "raw declares no event: the SDK can neither write nor read it",
    )


def test_a_topic_may_carry_many_events() -> None:
    """Classes that do not fit a line get one name together."""
    events = [event(ORDER, name=f"an.event.with.a.long.name.{n:02}") for n in range(8)]
    topic = Topic("everything", 1, events=tuple(e.name for e in events))
    module = loaded(generate(catalog_of(*events, topics=(topic,))))

    assert len(module.EVERYTHING.events) == 8
    assert module.AnEventWithALongName07 in module.EverythingEvents.__args__


def test_the_newest_version_is_the_class() -> None:
    """Older events are read by it, as the compatibility rule promises."""
    newer = fields({"order_id": TEXT, "note": TEXT}, "order_id")
    made = generate(catalog_of(event(ORDER, newer)))
    order = loaded(made).OrderPlaced

    assert order(order_id="x").note is None
    assert loaded(made).ORDER_PLACED.events[0].version == 2
    assert made.notices == ()


def test_older_events_that_cannot_be_read_are_told() -> None:
    """A rule other than backward allows it; the consequence is said."""
    newer = fields({"order_id": {"type": "integer"}}, "order_id")
    (notice,) = generate(catalog_of(event(ORDER, newer, rule=Compatibility.NONE))).notices

    assert notice.startswith("order.placed v2 does not read all older events (")
    assert "order_id" in notice


def test_names_that_would_collide_are_told() -> None:
    """Two things of one name in Python, in any mixture, are refused with their lines."""
    found = faults(
        catalog_of(
            event(ORDER, name="order.placed"),
            event(ORDER, name="order-placed"),
            topics=(Topic("contract", 1), Topic("a.b", 1), Topic("a-b", 1)),
        )
    )

    assert len(found) == 5
    assert found[0] == (
        "shop/events.yaml:3 events.order.placed: something else is called OrderPlaced in Python too"
    )


def test_classes_never_hide_what_the_module_needs() -> None:
    """An event called `topic` or `any` does not break the module."""
    module = loaded(generate(catalog_of(*(event(ORDER, name=n) for n in ("topic", "any", "meta")))))

    assert module.TopicEvent(order_id="x", order_no=1).order_no == 1


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (
            Topic("t", 1, key="id", events=("order.placed",)),
            "t.key: the event 'order.placed' has no",
        ),
        (
            Topic("t", 1, key="tags", events=("order.placed",)),
            "'tags' of 'order.placed' is neither",
        ),
        (Topic("t", 1, key="at", events=("order.placed",)), "'at' of 'order.placed' is neither"),
        (
            Topic("t", 1, events=("order.placed",), reply=Reply("t", "tags")),
            "t.reply.correlate: 'tags' of",
        ),
    ],
)
def test_keys_and_correlations_are_texts_or_numbers(topic: Topic, words: str) -> None:
    """What cannot be a key, or pair a reply, is refused before any service runs."""
    schema: dict[str, Any] = {"tags": {"type": "array"}, "at": TEXT | {"format": "date-time"}}
    found = faults(catalog_of(event(fields(schema), name="order.placed"), topics=(topic,)))

    assert any(words in fault for fault in found)
