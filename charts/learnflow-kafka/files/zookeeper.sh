#!/bin/bash
# Sets up and starts one ZooKeeper server (`start`), or answers a probe (`ready`).
# The image's own entrypoint needs a writable /conf; this needs /tmp and the volume alone.
set -eu

volume=${ZK_VOLUME:-/data}
client=${ZK_CLIENT_PORT:-2181}
# Below the volume's root, which may hold a lost+found.
data=$volume/zookeeper

# A server that takes part in a quorum names its mode; one without a quorum says so instead.
ready() {
  exec 3<>"/dev/tcp/127.0.0.1/$client"
  printf srvr >&3
  grep -qE '^Mode: (leader|follower|standalone)' <&3
}

start() {
  ordinal=${POD_NAME##*-}
  mkdir -p "$data" ||
    { echo "[learnflow start] refused: cannot write to $volume as user $(id -u)" >&2; exit 1; }
  echo $((ordinal + 1)) >"$data/myid"
  {
    cat "${ZK_CHART:-/etc/learnflow}/zookeeper.properties"
    echo "dataDir=$data"
    echo "clientPort=$client"
    for ((i = 0; ZK_SERVERS > 1 && i < ZK_SERVERS; i++)); do
      echo "server.$((i + 1))=${POD_NAME%-*}-$i.$ZK_DOMAIN:2888:3888"
    done
  } >/tmp/zoo.cfg
  export ZOO_LOG_DIR=/tmp JMXDISABLE=true
  export SERVER_JVMFLAGS="$ZK_HEAP_OPTS -Djava.security.properties=${ZK_CHART:-/etc/learnflow}/java.security"
  exec zkServer.sh start-foreground /tmp/zoo.cfg
}

"$1"
