"""
Real Kafka for tests, and a home that is not the user's.

`kafka1`, `kafka3`, `kafka39` and `kafka_sasl` are clusters that start when the first test asks
for them and stop with the session, on Ctrl-C too. Jars are downloaded once, into
LEARNFLOW_CACHE or the user's own cache; nothing else of the user's home is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.support import clusters, sasl

from lab.places import places as lab_places
from learnflow_kafka.core.local import Mode
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clusters import LocalKafka
    from tests.support.sasl import SaslKafka

HOME = pytest.StashKey[Path]()
_USER_SETTINGS = ("LEARNFLOW_", "KAFKA_", "XDG_", "BOOTSTRAP")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--e2e", action="store_true", help="also run tests/e2e: needs root, Debian packages, time"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported: our own home, and a clean end on SIGTERM."""
    cache = os.environ.get("LEARNFLOW_CACHE") or str(paths().cache)
    lab = str(lab_places().root)
    for name in [n for n in os.environ if n.startswith(_USER_SETTINGS)]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="learnflow-tests-"))
    config.stash[HOME] = home
    os.environ["HOME"] = str(home / "user")
    (home / "user").mkdir()
    os.environ["LEARNFLOW_HOME"] = str(home / "learnflow")
    os.environ["LEARNFLOW_CACHE"] = cache
    os.environ["LEARNFLOW_LAB"] = lab
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell starts what runs in its background deaf to Ctrl-C, and so would be every command
    # that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python leaves the sockets of refused connections to the garbage collector.
    config.addinivalue_line(
        "filterwarnings", r"ignore:unclosed <socket.*'0\.0\.0\.0':ResourceWarning"
    )
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 call deprecated.
    config.addinivalue_line(
        "filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning"
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Whatever happened, no broker stays and the home goes."""
    home = config.stash.get(HOME, None)
    if home is not None:
        clusters.end_all_below(home)
        shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say why a test does not run here."""
    e2e = Path(__file__).parent / "e2e"
    for item in items:
        if e2e in item.path.parents and not config.getoption("--e2e"):
            item.add_marker(pytest.mark.skip(reason="end-to-end: run with --e2e (make e2e)"))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root, for small and read-only mounts"))


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def kafka1() -> Iterator[LocalKafka]:
    """One broker of Kafka 4.3."""
    yield from clusters.started("kafka1", 1, Mode.KRAFT)


@pytest.fixture(scope="session")
def kafka3() -> Iterator[LocalKafka]:
    """Three brokers of Kafka 4.3."""
    yield from clusters.started("kafka3", 3, Mode.KRAFT)


@pytest.fixture(scope="session")
def kafka39() -> Iterator[LocalKafka]:
    """One broker of Kafka 3.9 with ZooKeeper."""
    yield from clusters.started("kafka39", 1, Mode.ZOOKEEPER)


@pytest.fixture(scope="session")
def kafka_sasl(pytestconfig: pytest.Config) -> Iterator[SaslKafka]:
    """One broker of Kafka 4.3 with SASL_SSL and access rights."""
    from learnflow_kafka.adapters.local.client import LocalRuntime

    places = paths()
    folder = pytestconfig.stash[HOME] / "sasl"
    folder.mkdir()
    yield from sasl.started(folder, LocalRuntime(data=places.data, cache=places.cache))


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh LEARNFLOW_HOME for one test; whatever it starts there is ended."""
    monkeypatch.setenv("LEARNFLOW_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    clusters.end_all_below(tmp_path)
