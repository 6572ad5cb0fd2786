from __future__ import annotations

from learnflow_kafka.core.catalog import Catalog, Retries, RetryMode, Service, Subscription, Topic
from learnflow_kafka.core.uses import Use, uses

RETRIES = Retries(attempts=1, mode=RetryMode.TOPICS)
CATALOG = Catalog(
    "shop",
    {"orders": Topic("orders", 1), "idle": Topic("idle", 1)},
    services={
        "web": Service("web", produces=("orders",)),
        "billing": Service("billing", consumes=(Subscription("orders", "bills", retries=RETRIES),)),
    },
)


def test_a_declared_topic_names_who_produces_and_consumes_it():
    """Services by name; a topic that nobody uses has none."""
    assert uses(CATALOG, ["orders", "idle"]) == (
        Use("orders", "shop", ("web",), ("billing",)),
        Use("idle", "shop", (), ()),
    )


def test_dead_letters_and_retries_belong_to_the_service_of_their_group():
    """They are written and read by the service that gave an event up."""
    names = ["orders.bills.dlt", "orders.bills.retry.1"]

    assert uses(CATALOG, names) == tuple(
        Use(name, "shop", ("billing",), ("billing",), "orders") for name in names
    )


def test_what_is_not_declared_has_no_use():
    """The catalog says nothing about it."""
    assert uses(CATALOG, ["other", "orders.bills.retry.2"]) == ()
