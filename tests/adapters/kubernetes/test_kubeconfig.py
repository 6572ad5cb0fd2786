"""Kubeconfigs: which server, and who we are, by kubectl's own rules."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from learnflow_kafka.adapters.kubernetes import kubeconfig
from learnflow_kafka.adapters.kubernetes.kubeconfig import load
from learnflow_kafka.errors import KubeconfigError

Write = Callable[..., str]


def document(user: Any = None, **cluster: Any) -> dict[str, Any]:
    """A kubeconfig with one context `lab`."""
    return {
        "current-context": "lab",
        "contexts": [
            {"name": "lab", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": "http://api:6443", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a kubeconfig and gives its path; no other one is found."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(kubeconfig, "ACCOUNT", tmp_path / "account")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def to_file(found: object, name: str = "config") -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found if isinstance(found, str) else yaml.safe_dump(found))
        return str(file)

    return to_file


def test_the_current_context_says_server_namespace_and_login(write: Write):
    """What kubectl would use without flags."""
    found = load(write(document({"token": "s3cret"})))

    assert (found.server, found.context, found.namespace) == ("http://api:6443", "lab", "shop")
    assert found.headers() == {"Authorization": "Bearer s3cret"}
    assert "s3cret" not in repr(found)


def test_several_files_are_merged_and_the_first_wins(write: Write, monkeypatch: pytest.MonkeyPatch):
    """$KUBECONFIG is a list; a file that is not there is skipped."""
    first = write({**document({"token": "one"}), "users": []}, "first")
    second = write({**document({"token": "two"}), "current-context": "other"}, "second")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([first, "/nowhere", second]))

    found = load()

    assert found.context == "lab"
    assert found.headers() == {"Authorization": "Bearer two"}


def test_relative_paths_are_taken_from_their_own_file(write: Write, tmp_path: Path):
    """A token's file beside the kubeconfig, read again at every request."""
    path = write(document({"tokenFile": "secrets/token"}), "there/config")
    token = tmp_path / "there" / "secrets" / "token"
    token.parent.mkdir()
    token.write_text("first\n")
    found = load(path)
    before = found.headers()
    token.write_text("second")

    assert before == {"Authorization": "Bearer first"}
    assert found.headers() == {"Authorization": "Bearer second"}


def test_inline_certificates_leave_no_file_behind(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """OpenSSL reads files only: ours are gone as soon as it has."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    authority = trustme.CA()
    ours = authority.issue_cert("me@example.org")
    inline = {
        "client-certificate-data": base64.b64encode(ours.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(ours.private_key_pem.bytes()).decode(),
    }
    trusted = base64.b64encode(authority.cert_pem.bytes()).decode()

    found = load(
        write(
            document(inline, server="https://api:6443", **{"certificate-authority-data": trusted})
        )
    )

    assert isinstance(found.tls, ssl.SSLContext)
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    assert list(scratch.iterdir()) == []


def test_a_cluster_that_skips_verification_is_taken_at_its_word(write: Write):
    """As kubectl does; nothing else turns it off."""
    insecure = load(write(document(server="https://a", **{"insecure-skip-tls-verify": True})))
    usual = load(write(document(server="https://a")))

    assert insecure.tls is not None
    assert usual.tls is not None
    assert insecure.tls.verify_mode is ssl.CERT_NONE
    assert usual.tls.check_hostname


def test_a_login_program_is_run_once_until_its_token_expires(write: Write, tmp_path: Path):
    """What cloud providers write: a program, its variables, and an end."""
    count = tmp_path / "count"
    later = (dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=1)).isoformat()
    program = tmp_path / "login.py"
    program.write_text(
        "import json, os, pathlib\n"
        f"file = pathlib.Path({str(count)!r})\n"
        "runs = len(file.read_text()) + 1 if file.exists() else 1\n"
        "file.write_text('x' * runs)\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "print(json.dumps({'status': {'token': os.environ['WHO'] + str(runs), "
        f"'expirationTimestamp': {later!r}}}}}))\n"
    )
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "env": [{"name": "WHO", "value": "me"}],
    }

    found = load(write(document({"exec": spec})))

    assert [found.headers(), found.headers()] == [{"Authorization": "Bearer me1"}] * 2
    assert found.headers(renew=True) == {"Authorization": "Bearer me2"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"command": "no-such-login", "installHint": "get it there"}, "not installed"),
        ({"command": sys.executable, "args": ["-c", "print('t0k'); exit(3)"]}, "exited with 3"),
        ({"command": sys.executable, "args": ["-c", "print('t0k')"]}, "failed"),
    ],
)
def test_a_login_that_fails_says_how_and_never_what_it_printed(
    write: Write, spec: dict[str, Any], words: str
):
    """Its output may be a credential."""
    with pytest.raises(KubeconfigError, match=words) as caught:
        load(write(document({"exec": spec}))).headers()

    assert "t0k" not in str(caught.value)
    assert caught.value.fix


def test_impersonation_goes_along(write: Write):
    """A kubeconfig that acts as somebody else does so here too."""
    found = load(write(document({"token": "t", "as": "ops", "as-groups": ["a", "b"]})))

    assert found.headers()["Impersonate-User"] == "ops"
    assert found.headers()["Impersonate-Group"] == "a,b"


def test_a_proxy_comes_from_the_cluster_or_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    """The cluster's own first; NO_PROXY is honoured."""
    monkeypatch.setenv("http_proxy", "http://proxy:1")

    assert load(write(document(**{"proxy-url": "http://own:2"}))).proxy == "http://own:2"
    assert load(write(document())).proxy == "http://proxy:1"
    monkeypatch.setenv("no_proxy", "api")
    assert load(write(document())).proxy is None


@pytest.mark.parametrize(
    ("found", "context", "words"),
    [
        (document(), "lbb", "no context 'lbb'; did you mean 'lab'"),
        ({**document(), "current-context": ""}, None, "chooses no context; there are: lab"),
        ({**document(), "clusters": []}, None, "no cluster 'c'"),
        ({**document(), "users": []}, None, "no user 'u'"),
        (document(server="ftp://x"), None, "has no server"),
        ("[1, 2]", None, "not a mapping"),
        ("token: [s3cret", None, "is not YAML"),
        (document({"auth-provider": {"name": "gcp"}}), None, "auth-provider"),
        (
            document(server="https://a", **{"certificate-authority-data": "!!"}),
            None,
            "certificates of context 'lab' cannot be used",
        ),
        (document(server="https://a", **{"certificate-authority": "gone.pem"}), None, "cannot"),
        ({"users": [{"user": {}}]}, None, "without a name"),
    ],
)
def test_what_is_wrong_in_a_kubeconfig_is_said(
    write: Write, found: object, context: str | None, words: str
):
    """The file and what is missing in it; never a value of it."""
    with pytest.raises(KubeconfigError, match=words) as caught:
        load(write(found), context)

    assert "s3cret" not in str(caught.value)


def test_without_any_kubeconfig_it_says_how_to_name_one(write: Write):
    """Neither a file nor a pod's account."""
    with pytest.raises(KubeconfigError, match="there is no kubeconfig") as caught:
        load()

    assert "--kubeconfig" in str(caught.value.fix)


def test_in_a_pod_the_service_account_speaks(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No kubeconfig, but an account: its token, its namespace, its authority."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("pod")
    (account / "namespace").write_text("jobs\n")
    (account / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    found = load()

    assert found.server == "https://[fd00::1]:443"
    assert found.namespace == "jobs"
    assert found.headers() == {"Authorization": "Bearer pod"}
    assert json.dumps(found.context) == "null"
