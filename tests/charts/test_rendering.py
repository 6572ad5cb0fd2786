"""What the chart renders, by Helm 4 and 3 alike, and what holds for every preset."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from tests.charts.golden import FOLDER
from tests.support.chart import CHART, FILES
from tests.support.rendering import PRESETS, Helm, golden, one, pods, preset_file

if TYPE_CHECKING:
    from tests.support.rendering import Object

KRAFT = tuple(p for p in PRESETS if p != "zookeeper")


def environment(container: Object) -> dict[str, Any]:
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container["env"]}


def mib(quantity: str) -> float:
    return float(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_lints(each_helm: Helm, preset: str):
    """`helm lint --strict` has nothing to say."""
    values = [] if preset == "default" else ["--values", str(preset_file(preset))]

    done = each_helm("lint", "--strict", "--kube-version", "1.34.4", str(CHART), *values)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_renders_its_golden_file(each_helm: Helm, preset: str):
    """Both Helms render the same; a change is reviewed (python -m tests.charts.golden)."""
    rendered = golden(each_helm.objects(preset=preset))

    assert rendered == (FOLDER / f"{preset}.yaml").read_text(encoding="utf-8")


def test_no_bitnami_anywhere():
    """No image, text or value of the chart names the images that vanished (bitnami#36325)."""
    named = [
        path for path in CHART.rglob("*") if path.is_file() and b"bitnami" in path.read_bytes()
    ]

    assert named == []


@pytest.mark.parametrize("preset", PRESETS)
def test_only_official_images(helm: Helm, preset: str):
    """Every container runs apache/kafka or zookeeper, by a full name."""
    images = {c["image"] for pod in pods(helm.objects(preset=preset)) for c in pod["containers"]}

    assert images <= {
        "docker.io/apache/kafka:4.3.1",
        "docker.io/apache/kafka:3.9.2",
        "docker.io/zookeeper:3.8.4",
    }


def test_an_image_takes_a_digest(helm: Helm):
    """A digest wins over the tag."""
    digest = "sha256:" + "a" * 64
    objects = helm.objects("--set", f"image.digest={digest},image.registry=mirror.example:5000")

    container = one(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"mirror.example:5000/apache/kafka@{digest}"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_pod_is_locked_down(helm: Helm, preset: str):
    """No root, no privilege, a read-only root, no token, no variables of Services."""
    for pod in pods(helm.objects(preset=preset)):
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("preset", PRESETS)
def test_a_brokers_environment_holds_nothing_that_tools_inherit(helm: Helm, preset: str):
    """`kubectl exec` starts tools without the broker's heap, agent or JMX port."""
    for each in helm.objects(preset=preset):
        if each["kind"] == "StatefulSet":
            container = each["spec"]["template"]["spec"]["containers"][0]
            names = set(environment(container))
            assert not {
                n for n in names if n.startswith(("KAFKA_", "JMX", "JAVA_TOOL", "JVMFLAGS"))
            }


@pytest.mark.parametrize("size", ["dev", "small", "medium", "large", "xlarge"])
def test_every_sizes_heap_leaves_room(helm: Helm, size: str):
    """Heap and 500 MiB fit the memory limit (bitnami#27130, #29670)."""
    objects = helm.objects("--set", f"resourcesPreset={size}")
    container = one(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"][0]
    heap = int(environment(container)["NODE_HEAP_OPTS"].rpartition("-Xmx")[2].removesuffix("m"))

    assert heap + 500 <= mib(container["resources"]["limits"]["memory"])


@pytest.mark.parametrize(
    ("limit", "heap"), [("4Gi", 2048), ("1Gi", 512), ("900Mi", 400), ("2G", 953), ("1536Mi", 768)]
)
def test_the_heap_follows_a_limit_of_ones_own(helm: Helm, limit: str, heap: int):
    """Without a heap of its own, a limit gives half of itself, less where 500 MiB would not fit."""
    objects = helm.objects("--set", f"resources.limits.memory={limit}")
    container = one(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"][0]

    assert environment(container)["NODE_HEAP_OPTS"] == f"-Xms{heap}m -Xmx{heap}m"


@pytest.mark.parametrize(
    ("brokers", "replicas", "least"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (9, 3, 2)]
)
def test_replication_fits_the_brokers(helm: Helm, brokers: int, replicas: int, least: int):
    """Internal topics never want more replicas than there are brokers (sentry#1394)."""
    objects = helm.objects("--set", f"replicas={brokers},controllers.replicas=1")
    text = one(objects, "ConfigMap", "kafka-config")["data"]["broker.properties"]
    lines = text.splitlines()

    assert f"offsets.topic.replication.factor={replicas}" in lines
    assert f"transaction.state.log.min.isr={least}" in lines
    assert f"default.replication.factor={replicas}" in lines


def test_own_properties_win_over_the_charts_defaults(helm: Helm):
    """A property of `config` replaces the default; a backslash is doubled, as Java reads it."""
    objects = helm.objects(
        "--set",
        r"config.log\.retention\.hours=24,config.offsets\.retention\.minutes=99",
        "--set-string",
        r"config.a=x\\y",
    )
    lines = one(objects, "ConfigMap", "kafka-config")["data"]["broker.properties"].splitlines()

    assert "log.retention.hours=24" in lines
    assert "offsets.retention.minutes=99" in lines
    assert r"a=x\\y" in lines


def test_how_many_replicas_must_be_in_sync_is_left_to_topics(helm: Helm):
    """Unless it is said: then controllers get it too, which read it at the first start."""
    preset, key = "dedicated-controllers", "min.insync.replicas=2"
    said = ("--set", r"config.min\.insync\.replicas=2")
    silent, told = (
        one(helm.objects(*words, preset=preset), "ConfigMap", "kafka-config")["data"]
        for words in ((), said)
    )

    for each in ("broker.properties", "controller.properties"):
        assert "\nmin.insync.replicas" not in silent[each]
        assert key in told[each].splitlines()


def test_the_agent_arrives_whole(helm: Helm):
    """The ConfigMap holds the jar's own bytes."""
    data = one(helm.objects(), "ConfigMap", "kafka-config")["binaryData"]

    assert (
        base64.b64decode(data["readiness-agent.jar"])
        == (FILES / "readiness-agent.jar").read_bytes()
    )


def test_the_kept_object_survives_uninstall(helm: Helm):
    """Helm and Argo CD both leave the cluster's id alone."""
    kept = one(helm.objects(), "ConfigMap", "kafka-cluster")

    assert kept["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert kept["data"]["controllers"] == "3 combined"


def test_a_renderer_that_cannot_look_up_gives_the_same_id_every_time(each_helm: Helm):
    """Argo CD renders again and again: the id must not change (bitnami#24725, #26610)."""
    first, again, other = (
        one(each_helm.objects(release=name), "ConfigMap", f"{name}-cluster")["data"]["clusterId"]
        for name in ("kafka", "kafka", "events")
    )

    assert first == again
    assert first != other
    assert len(base64.urlsafe_b64decode(first + "==")) == 16


def test_scaling_brokers_changes_no_voter(helm: Helm):
    """From three brokers on, `replicas` alone changes: no pod restarts (bitnami#29167)."""
    three, nine = (
        one(helm.objects("--set", f"replicas={n}"), "StatefulSet", "kafka")["spec"] for n in (3, 9)
    )

    assert three["template"] == nine["template"]
    assert (three["replicas"], nine["replicas"]) == (3, 9)


def test_a_new_chart_version_alone_restarts_nothing(helm: Helm):
    """The pods' template names no chart version."""
    template = one(helm.objects(), "StatefulSet", "kafka")["spec"]["template"]

    assert "helm.sh/chart" not in str(template)


def test_dedicated_controllers_have_ids_of_their_own(helm: Helm):
    """They count from 1000, in a StatefulSet and a headless Service of their own."""
    objects = helm.objects(preset="dedicated-controllers")
    controller = one(objects, "StatefulSet", "kafka-controller")
    values = environment(controller["spec"]["template"]["spec"]["containers"][0])
    broker = one(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"][0]

    assert values["NODE_ID_BASE"] == "1000"
    assert values["NODE_VOTERS"].startswith(
        "1000@kafka-controller-0.kafka-controller-headless.kafka.svc.cluster.local:9093,1001@"
    )
    assert environment(broker)["NODE_COMBINED"] == "0"
    assert "controller" not in {port["name"] for port in broker["ports"]}


def test_names_of_pods_resolve_before_they_are_ready(helm: Helm):
    """A cold start finds its quorum (bitnami#17715)."""
    for preset in PRESETS:
        for each in helm.objects(preset=preset):
            if each["kind"] == "Service" and each["spec"].get("clusterIP") == "None":
                assert each["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("preset", KRAFT)
def test_ready_is_asked_of_the_broker(helm: Helm, preset: str):
    """Readiness asks /ready; what may kill asks only whether the process answers, for hours."""
    for each in helm.objects(preset=preset):
        if each["kind"] == "StatefulSet":
            container = each["spec"]["template"]["spec"]["containers"][0]
            startup = container["startupProbe"]
            assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
            assert container["livenessProbe"]["httpGet"]["path"] == "/live"
            assert startup["periodSeconds"] * startup["failureThreshold"] >= 6 * 3600


@pytest.mark.parametrize("preset", KRAFT)
def test_a_broker_waits_for_its_quorum(helm: Helm, preset: str):
    """A cold start without a quorum is NotReady; Kafka alone would exit after a minute."""
    text = one(helm.objects(preset=preset), "ConfigMap", "kafka-config")["data"][
        "broker.properties"
    ]

    assert "initial.broker.registration.timeout.ms=86400000" in text.splitlines()


def test_connects_annotation_follows_the_listener(helm: Helm):
    """`learnflow connect` reads the base port; without the listener there is none."""
    with_, without = (
        one(helm.objects("--set", f"listeners.local.enabled={on}"), "StatefulSet", "kafka")
        for on in ("true", "false")
    )

    assert with_["metadata"]["annotations"]["learnflow-kafka/local-base-port"] == "19092"
    assert "learnflow-kafka/local-base-port" not in without["metadata"]["annotations"]
    container = without["spec"]["template"]["spec"]["containers"][0]
    assert "LOCAL" not in environment(container)["NODE_LISTENERS"]


def test_external_has_a_service_for_each_broker(helm: Helm):
    """Each Service leads to one pod and carries the port that its broker advertises."""
    objects = helm.objects(
        "--set", "listeners.external.enabled=true,replicas=3",
        "--set", "listeners.external.advertised={a.example:9094,b.example:9095,c.example:9096}",
    )  # fmt: skip
    second = one(objects, "Service", "kafka-external-1")["spec"]

    assert second["selector"]["statefulset.kubernetes.io/pod-name"] == "kafka-1"
    assert second["ports"][0]["port"] == 9095


def admitted(objects: list[Object], policy: str) -> dict[str, set[int]]:
    """Ports by who may come in: names of pods of this release, `all` for everyone."""
    found: dict[str, set[int]] = {}
    for rule in one(objects, "NetworkPolicy", policy)["spec"]["ingress"]:
        ports = {port["port"] for port in rule["ports"]}
        for who in map(_who, rule.get("from", ["all"])):
            found.setdefault(who, set()).update(ports)
    return found


def _who(peer: Any) -> str:
    if not isinstance(peer, dict):
        return str(peer)
    labels = dict(peer["podSelector"]["matchLabels"])
    assert labels.pop("app.kubernetes.io/instance") == "kafka"
    return "/".join(labels.values())


def test_a_network_policy_admits_what_kafka_needs(helm: Helm):
    """Brokers, controllers and the test pod to the ports that each uses, clients on CLIENT only."""
    dedicated = helm.objects(preset="production")
    combined = helm.objects("--set", "networkPolicy.enabled=true")
    health = {9404}

    assert admitted(dedicated, "kafka") == {
        "kafka/broker": {9092, 9094},
        "kafka-test/test": {9092},
        "all": {9092} | health,
    }
    assert admitted(dedicated, "kafka-controller") == {
        "kafka/broker": {9093},
        "kafka/controller": {9093},
        "all": health,
    }
    assert admitted(combined, "kafka") == {
        "kafka/broker": {9092, 9093, 9094},
        "kafka-test/test": {9092},
        "all": {9092} | health,
    }


def test_a_network_policy_admits_what_zookeeper_needs(helm: Helm):
    """Brokers reach the clients' port alone; what servers say to each other is theirs."""
    objects = helm.objects("--set", "networkPolicy.enabled=true", preset="zookeeper")

    assert admitted(objects, "kafka-zookeeper") == {
        "kafka/broker": {2181},
        "zookeeper/zookeeper": {2181, 2888, 3888},
    }
    assert set(admitted(objects, "kafka")) == {"kafka/broker", "kafka-test/test", "all"}


@pytest.mark.parametrize("preset", ["production", "zookeeper"])
def test_no_other_pod_of_an_umbrella_chart_is_admitted(helm: Helm, preset: str):
    """Every pod that a policy names is one that this chart makes, by all three labels."""
    objects = helm.objects("--set", "networkPolicy.enabled=true", preset=preset)
    made = [o["metadata"]["labels"] for o in objects if o["kind"] == "Pod"]
    sets = [o for o in objects if o["kind"] == "StatefulSet"]
    made += [o["spec"]["template"]["metadata"]["labels"] for o in sets]

    for policy in (o for o in objects if o["kind"] == "NetworkPolicy"):
        for peer in (p for rule in policy["spec"]["ingress"] for p in rule.get("from", [])):
            wanted = peer["podSelector"]["matchLabels"]
            assert len(wanted) == 3
            assert any(wanted.items() <= labels.items() for labels in made)


def test_clients_of_ones_own_choice_do_not_shut_out_the_test(helm: Helm):
    """`helm test` and the brokers reach CLIENT, whoever else may."""
    choice = "networkPolicy.enabled=true,networkPolicy.clients[0].podSelector.matchLabels.app=shop"
    rules = one(helm.objects("--set", choice), "NetworkPolicy", "kafka")["spec"]["ingress"]
    labels = [
        peer["podSelector"]["matchLabels"]
        for rule in rules
        for peer in rule.get("from", [])
        if {"protocol": "TCP", "port": 9092} in rule["ports"]
    ]

    assert {"app": "shop"} in labels
    assert {"kafka", "kafka-test"} <= {each.get("app.kubernetes.io/name") for each in labels}
    assert all(
        "from" in rule for rule in rules if {"protocol": "TCP", "port": 9092} in rule["ports"]
    )


def test_zookeeper_says_that_its_support_has_ended(helm: Helm):
    """The notes of mode zookeeper say it plainly, those of KRaft do not."""
    both = [
        helm("install", "kafka", str(CHART), "--dry-run=client", "--set", f"mode={mode}").stdout
        for mode in ("zookeeper", "kraft")
    ]

    assert "END OF SUPPORT" in both[0]
    assert "END OF SUPPORT" not in both[1]
