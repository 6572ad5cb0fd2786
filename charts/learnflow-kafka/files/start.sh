#!/bin/sh
# Sets up and starts one Kafka node. POSIX sh; runs in the container as its first process.
#
# Who this node is follows from its pod's name and never changes: node id = NODE_ID_BASE + ordinal;
# in the brokers' StatefulSet the first NODE_COMBINED pods are voters too. The voters were chosen
# at the first start and stand on the disk: another set is refused, since a voter that joins by
# configuration alone can split the cluster.
#
#   POD_NAME         kafka-0
#   NODE_MODE        kraft | zookeeper
#   NODE_KIND        broker | controller    which StatefulSet
#   NODE_ID_BASE     added to the ordinal
#   NODE_COMBINED    how many of the first brokers are voters too
#   NODE_VOTERS      0@host:port,...        controller.quorum.voters
#   NODE_DOMAIN      pods' names below it resolve
#   NODE_CONTROLLER  listener of a controller
#   NODE_LISTENERS   of a broker
#   NODE_ADVERTISED  of a broker; @HOST@, @LOCAL_PORT@ and @EXTERNAL@ are filled in here
#   NODE_LOCAL_BASE  port of the LOCAL listener on a laptop, for ordinal 0
#   NODE_EXTERNAL    host:port of each broker for EXTERNAL, by ordinal, separated by spaces
#   NODE_CLUSTER_ID, NODE_KEPT_CLUSTER_ID   what was asked for; what the release remembers
#   NODE_RACK        broker.rack, may be empty
#   NODE_HEAP_OPTS, NODE_JVM_OPTS, NODE_OPTS   of the broker's process alone: KAFKA_* variables
#                    in the pod would reach every tool that `kubectl exec` starts
#   NODE_HEALTH_PORT of the readiness agent
set -eu

kafka=${NODE_KAFKA:-/opt/kafka}
chart=${NODE_CHART:-/etc/learnflow}
volume=${NODE_VOLUME:-/var/lib/kafka/data}
work=${NODE_WORK:-/tmp/kafka}

# Below the volume's root, which may hold a lost+found that Kafka takes for a partition.
data=$volume/kafka
remembered=$volume/learnflow
properties=$work/server.properties

say() { printf '[learnflow start] %s\n' "$*"; }
die() {
  printf '[learnflow start] refused: %s\n' "$*" >&2
  exit 1
}

ordinal=${POD_NAME##*-}
case $ordinal in
  '' | *[!0-9]*) die "the pod's name '$POD_NAME' does not end in a number" ;;
esac
id=$((NODE_ID_BASE + ordinal))

roles() {
  if [ "$NODE_KIND" = controller ]; then
    echo controller
  elif [ "$ordinal" -lt "$NODE_COMBINED" ]; then
    echo broker,controller
  else
    echo broker
  fi
}

# 0@a:1,1@b:1 -> 0 1: names and ports may change, the set may not.
voter_ids() { printf '%s' "$1" | tr ',' '\n' | sed 's/@.*//' | sort -n | tr '\n' ' ' | sed 's/ $//'; }

# The n-th word, counted from 0; nothing if there are fewer.
nth() {
  n=$1
  shift
  [ "$n" -ge $# ] || { shift "$n" && printf '%s' "$1"; }
}

prepare_volume() {
  problem=$(mkdir -p "$data" "$remembered" "$work" 2>&1) ||
    die "user $(id -u) cannot write to $volume ($problem):" \
      "the volume must honour fsGroup, or belong to that user"
}

check_voters() {
  wanted=$(voter_ids "$NODE_VOTERS")
  had=$(cat "$remembered/voters" 2>/dev/null) || had=$wanted
  [ "$had" = "$wanted" ] ||
    die "the controllers of this cluster are '$had', the chart now says '$wanted'." \
      "Set controllers.replicas and controllers.dedicated back; brokers scale by 'replicas'."
}

# Only once the disk is formatted: a first start that failed binds nobody.
remember_voters() {
  [ ! -s "$remembered/voters" ] || return 0
  voter_ids "$NODE_VOTERS" >"$remembered/voters.new"
  mv "$remembered/voters.new" "$remembered/voters"
}

id_on_disk() { sed -n 's/^cluster\.id=//p' "$data/meta.properties" 2>/dev/null || true; }

# The disk knows best: it survives the release, its objects and a renderer that cannot look them up.
cluster_id() {
  found=$(id_on_disk)
  asked=${NODE_CLUSTER_ID:-$NODE_KEPT_CLUSTER_ID}
  if [ -n "$found" ] && [ -n "$asked" ] && [ "$asked" != "$found" ]; then
    say "this disk belongs to cluster $found; the id $asked of the chart is not used" >&2
  fi
  printf '%s' "${found:-$asked}"
}

fill() {
  external=
  # shellcheck disable=SC2086 # one word per broker
  [ -z "$NODE_EXTERNAL" ] || external=$(nth "$ordinal" $NODE_EXTERNAL)
  case $1 in
    *@EXTERNAL@*) [ -n "$external" ] ||
      die "listeners.external.advertised has no address for $POD_NAME; add one per broker" ;;
  esac
  printf '%s' "$1" | sed \
    -e "s|@HOST@|$POD_NAME.$NODE_DOMAIN|g" \
    -e "s|@LOCAL_PORT@|$((NODE_LOCAL_BASE + ordinal))|g" \
    -e "s|@EXTERNAL@|$external|g"
}

write_properties() {
  cp "$chart/$NODE_KIND.properties" "$properties"
  chmod u+w "$properties"
  {
    echo "log.dirs=$data"
    if [ "$NODE_MODE" = zookeeper ]; then
      echo "broker.id=$id"
    else
      echo "node.id=$id"
      echo "process.roles=$(roles)"
      echo "controller.quorum.voters=$NODE_VOTERS"
    fi
    if [ "$NODE_KIND" = controller ]; then
      echo "listeners=$NODE_CONTROLLER"
    else
      case $(roles) in
        *controller*) echo "listeners=$NODE_LISTENERS,$NODE_CONTROLLER" ;;
        *) echo "listeners=$NODE_LISTENERS" ;;
      esac
      # A function that fails inside $(...) does not end the script; this assignment does.
      advertised=$(fill "$NODE_ADVERTISED")
      echo "advertised.listeners=$advertised"
      [ -z "$NODE_RACK" ] || echo "broker.rack=$NODE_RACK"
    fi
  } >>"$properties"
}

format() {
  cluster=$(cluster_id)
  [ ! -s "$data/meta.properties" ] || return 0
  [ -n "$cluster" ] || die "no cluster id: set clusterId (kafka-storage.sh random-uuid makes one)"
  say "formatting $data for cluster $cluster"
  KAFKA_HEAP_OPTS=-Xmx128m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' \
    "$kafka/bin/kafka-storage.sh" format \
    --cluster-id="$cluster" --config "$properties" --ignore-formatted
}

start() {
  broker=true controller=false zookeeper=
  if [ "$NODE_MODE" = kraft ]; then
    case $(roles) in controller) broker=false ;; esac
    case $(roles) in *controller*) controller=true ;; esac
  else
    zookeeper=,zookeeper=true
  fi
  agent="-javaagent:$chart/readiness-agent.jar=port=$NODE_HEALTH_PORT,broker=$broker,controller=$controller$zookeeper"
  case $NODE_MODE in
    kraft) logging=-Dlog4j2.configurationFile=$chart/log4j2.properties ;;
    *) logging=-Dlog4j.configuration=file:$chart/log4j.properties ;;
  esac
  export LOG_DIR="$work" EXTRA_ARGS='-name kafkaServer'
  export KAFKA_LOG4J_OPTS="$logging" KAFKA_HEAP_OPTS="$NODE_HEAP_OPTS"
  # Kafka's script would open a port for JMX if this were empty.
  export KAFKA_JMX_OPTS=-Dlearnflow.jmx=none
  # The official image brings the classes of a start ready to use; one that does not fit is ignored.
  archive=
  [ ! -r "$kafka/kafka.jsa" ] || archive="-XX:SharedArchiveFile=$kafka/kafka.jsa"
  [ -z "$NODE_JVM_OPTS" ] || export KAFKA_JVM_PERFORMANCE_OPTS="$NODE_JVM_OPTS"
  # A name that is not there yet, in the seconds after a pod's start, is asked for again soon.
  export KAFKA_OPTS="$agent $archive -Djava.security.properties=$chart/java.security -XX:+ExitOnOutOfMemoryError $NODE_OPTS"
  say "node $id, $NODE_MODE, roles $(roles)"
  exec "$kafka/bin/kafka-server-start.sh" "$properties"
}

prepare_volume
if [ "$NODE_MODE" = kraft ]; then
  check_voters
  write_properties
  format
  remember_voters
else
  write_properties
fi
start
