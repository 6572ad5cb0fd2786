"""Where the lab keeps what it builds and runs, and which addresses it has."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RECIPE: Final = Path(__file__).parent
NODE: Final = "node1"
ZONE: Final = "zone-a"
POD_NETWORK: Final = "10.244.0.0/16"
POD_SUBNET: Final = "10.244.0.0/24"
NODE_ADDRESS: Final = "10.244.0.1"
SERVICE_NETWORK: Final = "10.96.0.0/16"
API_SERVICE: Final = "10.96.0.1"
DNS_SERVICE: Final = "10.96.0.10"
DNS_PORT: Final = 5353
"""The lab has a network of its own, so that none of its ports can be taken."""


@dataclass(frozen=True, slots=True)
class Places:
    """Everything below one folder outside the tree; `root` is LEARNFLOW_LAB."""

    root: Path

    @property
    def bin(self) -> Path:
        """Built programs."""
        return self.root / "bin"

    @property
    def images(self) -> Path:
        """Built images, as archives."""
        return self.root / "images"

    @property
    def run(self) -> Path:
        """What one run leaves: sockets, logs, the state of the cluster."""
        return self.root / "run"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def containerd(self) -> Path:
        """Containerd's images and snapshots; they outlive a run."""
        return self.root / "containerd"

    @property
    def volumes(self) -> Path:
        """The folders behind the volumes that the lab makes."""
        return self.run / "volumes"

    @property
    def socket(self) -> Path:
        """Containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """How clients on this machine reach the API server."""
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        """What the running lab says about itself; `lab.state` reads and writes it."""
        return self.run / "state.json"

    @property
    def name(self) -> str:
        """A short name that tells two labs of one machine apart."""
        return "lab" + hashlib.sha256(str(self.root).encode()).hexdigest()[:6]

    @property
    def link(self) -> tuple[str, str]:
        """The machine's and the lab's end of the link between them (RFC 2544's range)."""
        quarter = int(hashlib.sha256(str(self.root).encode()).hexdigest()[:4], 16) % 64 * 4
        return f"198.18.77.{quarter + 1}", f"198.18.77.{quarter + 2}"

    @property
    def server(self) -> str:
        """The API server's address for clients on this machine."""
        return f"https://{self.link[1]}:6443"


def places() -> Places:
    """LEARNFLOW_LAB, else the user's cache; nothing is created here."""
    root = os.environ.get("LEARNFLOW_LAB") or Path.home() / ".cache" / "learnflow-lab"
    return Places(Path(root).expanduser().absolute())
