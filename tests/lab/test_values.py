"""Quantities, taints and addresses of the lab."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from lab import fakes, volumes
from lab.places import Places


@pytest.mark.parametrize(
    ("quantity", "count"),
    [("5", 5), ("1Ki", 1024), ("20Mi", 20 * 2**20), ("1Gi", 2**30), ("2G", 2 * 10**9)],
)
def test_a_quantity_in_bytes(quantity: str, count: int):
    """Kubernetes' binary and decimal units."""
    assert volumes.in_bytes(quantity) == count


@pytest.mark.parametrize("quantity", ["", "Gi", "1.5Gi", "-1", "1Xi"])
def test_what_is_no_quantity_is_refused(quantity: str):
    """Nothing is guessed."""
    with pytest.raises((ValueError, KeyError)):
        volumes.in_bytes(quantity)


def test_a_taint_as_kubectl_writes_it():
    """`key=value:Effect`, the value may be missing."""
    assert fakes.taint("a/b=c:NoSchedule") == {"key": "a/b", "value": "c", "effect": "NoSchedule"}
    assert fakes.taint("a:NoExecute") == {"key": "a", "value": "", "effect": "NoExecute"}


def test_each_lab_has_a_link_of_two_addresses_of_its_own():
    """Both ends lie in one network of four addresses; another folder is another lab."""
    one, other = Places(Path("/a")), Places(Path("/b"))
    ends = [ipaddress.ip_interface(f"{address}/30") for address in one.link]

    assert ends[0].network == ends[1].network
    assert {end.ip for end in ends} == set(ends[0].network.hosts())
    assert (one.name, one.link) != (other.name, other.link)
    assert len(one.name) < 16, "Linux takes no longer name of an interface"
