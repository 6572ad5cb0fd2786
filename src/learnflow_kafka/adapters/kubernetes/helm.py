"""
Helm as a program: versions 3 and 4.

We wait with Helm's own `--wait` and never ask it to roll back: what failed stays for the
doctor to look at, and the next deploy goes on from there. The flags used here mean the same
in both versions; `--atomic`, which Helm 4 renamed, is not among them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, Final

import yaml

from learnflow_kafka.adapters.kubernetes import write
from learnflow_kafka.adapters.kubernetes.rendered import rendering
from learnflow_kafka.core.kubernetes import Revision
from learnflow_kafka.errors import HelmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.kubernetes import Rendering, Wish

VARIABLE: Final = "LEARNFLOW_HELM"
OLDEST: Final = 3
NEWEST: Final = 4

_SHORT: Final = 60.0
"""Seconds for a question to Helm that changes nothing."""

_GRACE: Final = 20.0
"""Seconds for an interrupted Helm to write down that it was."""

_KEPT: Final = 20


class Helm:
    """The `helm` of PATH, working on one namespace of one cluster."""

    def __init__(
        self,
        client: Client,
        chart: Path,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
    ) -> None:
        self._client = client
        self._chart = chart
        self._place = ["--namespace", client.namespace]
        if kubeconfig:
            self._place += ["--kubeconfig", kubeconfig]
        if context:
            self._place += ["--kube-context", context]

    def version(self) -> str:
        """Which Helm there is; raises HelmError where there is none, or one that we do not know."""
        said = self._ask(["version", "--template", "{{.Version}}"]).strip()
        major = said.lstrip("v").split(".")[0]
        if not major.isdecimal() or not OLDEST <= int(major) <= NEWEST:
            raise HelmError(
                f"this Helm calls itself {said or 'nothing'!r}", where=_program(), fix=_GET_HELM
            )
        return said

    def history(self, release: str) -> tuple[Revision, ...]:
        """The tries at a release, oldest first; none where there is none."""
        try:
            said = self._ask(
                ["history", release, "--max", str(_KEPT), "--output", "json", *self._place]
            )
        except HelmError as error:
            if "release: not found" in error.what:
                return ()
            raise
        return tuple(_revision(entry) for entry in json.loads(said))

    def values(self, release: str) -> str | None:
        """The values that the last deploy was given; None where there was none."""
        try:
            said = self._ask(["get", "values", release, "--output", "yaml", *self._place])
        except HelmError as error:
            if "release: not found" in error.what:
                return None
            raise
        return None if said.strip() in {"", "null", "{}"} else said

    def render(self, wish: Wish) -> Rendering:
        """The objects that the chart makes of these values; the cluster is not asked."""
        with self._what(wish) as what:
            text = self._ask(["template", wish.release, "--skip-tests", *what, *self._place])
        return rendering([one for one in yaml.safe_load_all(text) if isinstance(one, dict)])

    @contextlib.contextmanager
    def upgrade(self, wish: Wish) -> Iterator[Running]:
        """Install or upgrade, and wait until all is ready; leaving early interrupts it."""
        with self._what(wish) as what, tempfile.TemporaryFile() as said:
            patience = ["--wait", "--timeout", f"{wish.timeout:.0f}s"]
            kept = ["--history-max", str(_KEPT)]
            command = ["upgrade", wish.release, *what, "--install", *patience, *kept]
            running = Running(_start([*command, *self._place], said), said)
            try:
                yield running
            finally:
                running.stop()

    def release_lock(self, release: str, revision: Revision) -> None:
        """Mark a try that was cut off as failed, so that the next one may begin."""
        write.fail_revision(self._client, release, revision.number)

    def uninstall(self, release: str, *, timeout: float) -> None:
        """Remove a release and wait until its objects are gone; claims stay."""
        self._ask(
            ["uninstall", release, "--wait", "--timeout", f"{timeout:.0f}s", *self._place],
            patience=timeout + _SHORT,
        )

    @contextlib.contextmanager
    def _what(self, wish: Wish) -> Iterator[list[str]]:
        """The chart and its values; what is kept of an earlier deploy lies in a file meanwhile."""
        words = [str(self._chart)]
        with contextlib.ExitStack() as stack:
            if wish.kept is not None:
                file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".yaml"))
                file.write(wish.kept)
                file.flush()
                words += ["--values", file.name]
            for name in wish.values:
                words += ["--values", name]
            for setting in wish.settings:
                words += ["--set", setting]
            yield words

    def _ask(self, words: Sequence[str], *, patience: float = _SHORT) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours, and no shell is between
                [_program(), *words], capture_output=True, timeout=patience, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise HelmError(
                f"`helm {words[0]}` did not end within {patience:.0f} s",
                fix="look at the API server: `kubectl version`",
            ) from error
        except OSError as error:
            raise _unstartable(error) from error
        if done.returncode:
            raise _failed(words[0], done.stderr)
        return done.stdout.decode(errors="replace")


class Running:
    """A Helm at work."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self._process = process
        self._said = said

    def done(self) -> bool:
        """Whether it ended."""
        return self._process.poll() is not None

    def result(self) -> None:
        """Return where it succeeded; raises HelmError with its words where it did not."""
        if self._process.wait():
            self._said.seek(0)
            raise _failed("upgrade", self._said.read())

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C would: it marks its release as failed, and no lock stays."""
        if self.done():
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _start(command: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # A group of its own: Ctrl-C on the terminal is ours to pass on, once.
        return subprocess.Popen(  # noqa: S603 - as above
            [_program(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            process_group=0,
        )
    except OSError as error:
        raise _unstartable(error) from error


def _program() -> str:
    named = os.environ.get(VARIABLE)
    found = named or shutil.which("helm")
    if not found:
        raise HelmError("helm is not installed", fix=_GET_HELM)
    return found


_GET_HELM: Final = (
    "install Helm 4 (3.18 or later does as well): https://helm.sh/docs/intro/install/; "
    f"or name the program in ${VARIABLE}"
)


def _unstartable(error: OSError) -> HelmError:
    return HelmError(f"helm cannot be started: {error.strerror}", where=_program(), fix=_GET_HELM)


def _failed(verb: str, said: bytes) -> HelmError:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("Error:")]
    words = (marked or lines or ["it said nothing"])[-1].removeprefix("Error:").strip()
    if marked:
        # The schema's complaints follow the error, one a line.
        words = " ".join([words, *lines[lines.index(marked[-1]) + 1 :]])
    return HelmError(f"`helm {verb}` failed: {words}")


def _revision(entry: dict[str, Any]) -> Revision:
    # Go writes nanoseconds; Python reads microseconds and drops the rest.
    when = dt.datetime.fromisoformat(str(entry["updated"]))
    return Revision(
        int(entry["revision"]),
        str(entry["status"]),
        int(when.timestamp() * 1000),
        str(entry.get("chart") or ""),
    )
