"""What the lab's programs read: files as text, and their command lines."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Final

from lab import images
from lab.places import (
    DNS_PORT,
    DNS_SERVICE,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    POD_SUBNET,
    SERVICE_NETWORK,
)

if TYPE_CHECKING:
    from lab.places import Places

_ETCD: Final = "http://127.0.0.1:2379"


def kubeconfig(places: Places) -> str:
    """Access for the administrator, from this machine and from inside."""
    encoded = {
        name: base64.b64encode((places.pki / name).read_bytes()).decode()
        for name in ("ca.crt", "admin.crt", "admin.key")
    }
    cluster = {"server": places.server, "certificate-authority-data": encoded["ca.crt"]}
    user = {
        "client-certificate-data": encoded["admin.crt"],
        "client-key-data": encoded["admin.key"],
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "admin", "user": user}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
        },
        indent=1,
    )


def files(places: Places) -> dict[str, str]:
    """Texts by their name in the folder of the run."""
    return {
        "cni/10-bridge.conflist": _network(),
        "containerd.toml": _containerd(places),
        "kubelet.yaml": _kubelet(places),
        "Corefile": _corefile(places),
    }


def commands(places: Places) -> dict[str, list[str]]:
    """The programs in the order of their start."""
    run, pki, kubeconfig = places.run, places.pki, f"--kubeconfig={places.kubeconfig}"
    program = {path.name: str(path) for path in places.bin.iterdir()}
    return {
        "containerd": ["containerd", "-c", str(run / "containerd.toml")],
        "etcd": [
            program["etcd"], f"--data-dir={run / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn",
            f"--listen-client-urls={_ETCD}", f"--advertise-client-urls={_ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
        ],
        "apiserver": [
            program["kube-apiserver"], f"--etcd-servers={_ETCD}", "--authorization-mode=Node,RBAC",
            "--allow-privileged", f"--advertise-address={NODE_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--tls-cert-file={pki / 'server.crt'}", f"--tls-private-key-file={pki / 'server.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--service-account-key-file={pki / 'sa.key'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--kubelet-client-certificate={pki / 'admin.crt'}",
            f"--kubelet-client-key={pki / 'admin.key'}",
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
        ],
        "controllers": [
            program["kube-controller-manager"], kubeconfig, "--leader-elect=false",
            f"--service-account-private-key-file={pki / 'sa.key'}",
            f"--root-ca-file={pki / 'ca.crt'}", "--use-service-account-credentials",
        ],
        "scheduler": [program["kube-scheduler"], kubeconfig, "--leader-elect=false"],
        "kubelet": [
            program["kubelet"], f"--config={run / 'kubelet.yaml'}", kubeconfig,
            f"--hostname-override={NODE}", f"--node-ip={NODE_ADDRESS}",
        ],
        "proxy": [
            program["kube-proxy"], kubeconfig, f"--hostname-override={NODE}",
            f"--cluster-cidr={POD_NETWORK}", "--proxy-mode=iptables",
            # Another namespace's limit cannot be changed from here.
            "--conntrack-max-per-core=0",
        ],
        "dns": [program["dns"], "-conf", str(run / "Corefile")],
        "keeper": [sys.executable, "-m", "lab.keeper"],
    }  # fmt: skip


def dns_objects() -> list[dict[str, object]]:
    """The DNS service; its server runs on the node, not in a pod."""
    meta = {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": DNS_PORT},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": DNS_PORT},
    ]
    spec = {"clusterIP": DNS_SERVICE, "ports": ports}
    service: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": spec,
    }
    endpoints: dict[str, object] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-host",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "ports": [{"name": p["name"], "port": DNS_PORT, "protocol": p["protocol"]} for p in ports],
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
    }
    return [service, endpoints]


def _network() -> str:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_SUBNET, "gateway": NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "pod", "plugins": [bridge, ports]})


def _containerd(places: Places) -> str:
    # Without CAP_SYS_RESOURCE no sandbox starts unless restrict_oom_score_adj is set.
    return f"""\
version = 2
root = "{places.containerd}"
state = "/run/containerd"
[grpc]
  address = "{places.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{places.run / "cni"}"
"""


def _kubelet(places: Places) -> str:
    pki = places.pki
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{places.name}",
            "failSwapOn": False,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [DNS_SERVICE],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": f"unix://{places.socket}",
            "resolvConf": "",
            "tlsCertFile": str(pki / "server.crt"),
            "tlsPrivateKeyFile": str(pki / "server.key"),
            "maxPods": 200,
            "serializeImagePulls": False,
            "evictionHard": {
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "memory.available": "100Mi",
            },
            # Images are loaded, not pulled: one that was collected would be gone.
            "imageGCHighThresholdPercent": 100,
        },
        indent=1,
    )


def _corefile(places: Places) -> str:
    return f"""\
.:{DNS_PORT} {{
 errors
 ready :8181
 kubernetes cluster.local in-addr.arpa {{
  kubeconfig {places.kubeconfig} lab
 }}
}}
"""
