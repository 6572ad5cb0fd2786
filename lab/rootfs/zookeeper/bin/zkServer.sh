#!/usr/bin/env bash
# start-foreground | status | version, as ZooKeeper's own script answers them.
. "$(dirname "${BASH_SOURCE[0]}")/zkEnv.sh"
if [ -n "$2" ]; then
  case $2 in */*) ZOOCFG=$2 ;; *) ZOOCFG=$ZOOCFGDIR/$2 ;; esac
fi
main=org.apache.zookeeper.server.quorum.QuorumPeerMain
if [ -z "$JMXDISABLE" ] || [ "$JMXDISABLE" = false ]; then
  echo "ZooKeeper JMX enabled by default" >&2
  main="-Dcom.sun.management.jmxremote -Dcom.sun.management.jmxremote.local.only=${JMXLOCALONLY:-false} $main"
fi
value() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$ZOOCFG" | tail -n 1; }

client_port() {
  local port
  port=$(value clientPort)
  if [ -z "$port" ]; then
    port=$(value "server.$(cat "$(value dataDir)/myid")")
    port=${port##*;}
    port=${port##*:}
  fi
  echo "$port"
}

case $1 in
  start-foreground)
    echo "Using config: $ZOOCFG" >&2
    mkdir -p "$(value dataDir)"
    # shellcheck disable=SC2086 # several words each
    exec "$JAVA" "-Dzookeeper.log.dir=$ZOO_LOG_DIR" -XX:+HeapDumpOnOutOfMemoryError -XX:OnOutOfMemoryError='kill -9 %p' \
      -cp "$CLASSPATH" $SERVER_JVMFLAGS $JVMFLAGS $main "$ZOOCFG"
    ;;
  status)
    echo "Using config: $ZOOCFG" >&2
    port=$(client_port)
    if [ -z "$port" ]; then
      echo "Unable to find either secure or unsecure client port in any configs. Terminating."
      exit 1
    fi
    echo "Client port found: $port. Client address: localhost. Client SSL: false."
    # shellcheck disable=SC2086 # several words each
    mode=$("$JAVA" -cp "$CLASSPATH" $CLIENT_JVMFLAGS $JVMFLAGS \
      org.apache.zookeeper.client.FourLetterWordMain localhost "$port" srvr false 2>/dev/null | grep Mode)
    if [ -z "$mode" ]; then
      echo "Error contacting service. It is probably not running."
      exit 1
    fi
    echo "$mode"
    ;;
  version) "$JAVA" -cp "$CLASSPATH" org.apache.zookeeper.version.VersionInfoMain 2>/dev/null ;;
  *) echo "Usage: $0 {start-foreground|status|version}" >&2; exit 1 ;;
esac
