#!/usr/bin/env bash
# ZooKeeper's command line.
. "$(dirname "${BASH_SOURCE[0]}")/zkEnv.sh"
# shellcheck disable=SC2086 # several words each
exec "$JAVA" -cp "$CLASSPATH" $CLIENT_JVMFLAGS $JVMFLAGS org.apache.zookeeper.ZooKeeperMain "$@"
