"""Helm as a program: what it is asked, and what becomes of what it says."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.api_server import ApiServer, Asked
from tests.support.lab import until

from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.helm import Helm
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.core.kubernetes import Revision, Wish
from learnflow_kafka.errors import HelmError

Script = Callable[[str], Helm]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """A Helm that runs these lines of shell; its words are kept in the file `said`."""
    program = tmp_path / "helm"
    monkeypatch.setenv("LEARNFLOW_HELM", str(program))

    def make(lines: str) -> Helm:
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n{lines}\n')
        program.chmod(0o755)
        client = Client(Access("http://127.0.0.1:1", None, FixedToken(None)), "shop")
        return Helm(client, Path("/chart"), kubeconfig="/k", context="lab")

    return make


def words(tmp_path: Path) -> str:
    return (tmp_path / "said").read_text()


@pytest.mark.parametrize("version", ["v3.21.4", "v4.2.4"])
def test_versions_three_and_four_are_known(script: Script, version: str):
    """Both are supported by their makers, or were until lately."""
    assert script(f"echo {version}").version() == version


@pytest.mark.parametrize("said", ["v2.17.0", "v5.0.0", "something else", ""])
def test_another_helm_is_refused_with_the_way_to_get_one(script: Script, said: str):
    """What its flags mean is not known."""
    with pytest.raises(HelmError, match="calls itself") as caught:
        script(f"echo {said}").version()

    assert "install Helm 4" in str(caught.value.fix)


def test_a_missing_helm_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Neither on PATH nor named: what to install."""
    monkeypatch.delenv("LEARNFLOW_HELM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    client = Client(Access("http://127.0.0.1:1", None, FixedToken(None)), "shop")

    with pytest.raises(HelmError, match="helm is not installed") as caught:
        Helm(client, Path("/chart")).version()

    assert "https://helm.sh" in str(caught.value.fix)


def test_the_history_is_read_oldest_first(script: Script):
    """Nanoseconds and zones of Go's times included."""
    entry = {
        "revision": 3,
        "status": "pending-upgrade",
        "updated": "2026-11-23T17:30:30.123456789+01:00",
        "chart": "learnflow-kafka-0.1.0",
    }

    found = script(f"echo '{json.dumps([entry])}'").history("kafka")

    assert found == (Revision(3, "pending-upgrade", 1_795_451_430_123, "learnflow-kafka-0.1.0"),)


def test_a_release_that_is_not_there_has_no_history_and_no_values(script: Script):
    """Helm calls that an error; it is an answer."""
    helm = script("echo 'Error: release: not found' >&2; exit 1")

    assert helm.history("kafka") == ()
    assert helm.values("kafka") is None


def test_values_of_an_earlier_deploy_come_first(script: Script, tmp_path: Path):
    """Kept ones, files, settings: later ones win, and the place is always named."""
    helm = script("while [ $# -gt 0 ]; do [ $1 = --values ] && cat $2; shift; done; true")
    values = tmp_path / "values.yaml"
    values.write_text("kind: StatefulSet\nmetadata: {name: x}\nspec: {template: {spec: {}}}\n")

    helm.render(Wish("kafka", kept="", values=(str(values),), settings=("a=1", "b=2")))

    told = words(tmp_path)
    assert told.startswith("template kafka --skip-tests /chart --values ")
    assert f"--values {values} --set a=1 --set b=2" in told
    assert "--namespace shop --kubeconfig /k --kube-context lab" in told
    assert not Path(told.split()[5]).exists()


def test_an_upgrade_waits_and_never_rolls_back(script: Script, tmp_path: Path):
    """What failed stays for the doctor; no flag is used that the two versions call differently."""
    with script("exit 0").upgrade(Wish("kafka", timeout=90.0)) as running:
        running.result()

    told = words(tmp_path)
    assert "upgrade kafka /chart --install --wait --timeout 90s" in told
    assert "atomic" not in told
    assert "rollback" not in told


def test_helms_own_words_are_the_error(script: Script):
    """The line with the error, and the schema's complaints after it; no warnings before it."""
    helm = script(
        "echo 'W1123 some warning' >&2\n"
        "echo 'Error: values do not meet the schema:' >&2\n"
        "echo '- replicas: must be >= 1' >&2\nexit 1"
    )

    with helm.upgrade(Wish("kafka")) as running, pytest.raises(HelmError) as caught:
        running.result()

    assert caught.value.what == (
        "`helm upgrade` failed: values do not meet the schema: - replicas: must be >= 1"
    )


def test_whoever_leaves_early_interrupts_it(script: Script, tmp_path: Path):
    """Helm gets the signal of Ctrl-C, and the time to write its failure down."""
    helm = script(
        f"trap 'echo interrupted > {tmp_path}/end; exit 1' INT\n"
        f"echo $$ > {tmp_path}/pid\nwhile :; do sleep 0.1; done"
    )
    file = tmp_path / "pid"

    with helm.upgrade(Wish("kafka")) as running:
        until(lambda: file.exists() and file.read_text().strip(), "its start")
        assert not running.done()

    assert (tmp_path / "end").read_text() == "interrupted\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), signal.SIGCONT)


def test_a_try_that_was_cut_off_is_marked_in_helms_own_record():
    """The record stays as it was, but for its status; the label says the same."""
    record = {"name": "kafka", "info": {"status": "pending-upgrade"}, "manifest": "kept"}
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    secret = {"data": {"release": base64.b64encode(packed).decode()}}

    def answer(asked: Asked) -> tuple[int, object]:
        return 200, secret if asked.method == "GET" else {}

    with ApiServer(answer).running() as server:
        client = Client(Access(server.url, None, FixedToken(None)), "shop")
        Helm(client, Path("/chart")).release_lock("kafka", Revision(4, "pending-upgrade", 0))
        client.close()
    patch = json.loads(server.asked[-1].body)
    written = base64.b64decode(base64.b64decode(patch["data"]["release"]))
    after = json.loads(gzip.decompress(written))

    assert server.asked[-1].path.endswith("/secrets/sh.helm.release.v1.kafka.v4")
    assert after["info"]["status"] == "failed"
    assert after["manifest"] == "kept"
    assert patch["metadata"]["labels"] == {"status": "failed"}


def test_a_record_that_is_not_helms_is_left_alone():
    """Nothing is written over what we cannot read."""
    with ApiServer(lambda _: (200, {"data": {"release": "%%%"}})).running() as server:
        client = Client(Access(server.url, None, FixedToken(None)), "shop")

        with pytest.raises(HelmError, match="not one that we can read"):
            Helm(client, Path("/chart")).release_lock("kafka", Revision(4, "x", 0))
        client.close()

    assert [asked.method for asked in server.asked] == ["GET"]
