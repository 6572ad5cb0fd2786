"""Commands in memory, as the tests of the command line have them."""

from __future__ import annotations

from tests.cli.conftest import learnflow
from tests.cli.conftest import memory as memory_cluster

__all__ = ["learnflow", "memory_cluster"]
