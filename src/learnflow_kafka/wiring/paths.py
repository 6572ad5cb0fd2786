"""
Where our files live on this machine.

The platform's usual places; LEARNFLOW_HOME moves all of them below one folder, and
LEARNFLOW_CACHE the cache alone (downloads can be shared between homes).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """`config` holds contexts, `cache` downloads, `data` clusters, `state` reports."""

    config: Path
    cache: Path
    data: Path
    state: Path


def paths() -> Paths:
    """The four folders; none is created here."""
    home = os.environ.get("LEARNFLOW_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        found = Paths(base / "config", base / "cache", base / "data", base / "state")
    else:
        import platformdirs

        dirs = platformdirs.PlatformDirs("learnflow", appauthor=False)
        found = Paths(
            dirs.user_config_path, dirs.user_cache_path, dirs.user_data_path, dirs.user_state_path
        )
    cache = os.environ.get("LEARNFLOW_CACHE")
    if cache:
        return Paths(found.config, Path(cache).expanduser().absolute(), found.data, found.state)
    return found
