# Sourced by the other scripts. Honours ZOOCFGDIR, ZOOCFG, ZOO_LOG_DIR, JVMFLAGS, SERVER_JVMFLAGS,
# CLIENT_JVMFLAGS, ZK_SERVER_HEAP and ZK_CLIENT_HEAP (MiB), JAVA_HOME, and $ZOOCFGDIR/{zookeeper-env.sh,java.env}.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ZOOCFGDIR=${ZOOCFGDIR:-$home/conf}
[ -f "$ZOOCFGDIR/zookeeper-env.sh" ] && . "$ZOOCFGDIR/zookeeper-env.sh"
ZOOCFG=$ZOOCFGDIR/${ZOOCFG:-zoo.cfg}
[ -f "$ZOOCFGDIR/java.env" ] && . "$ZOOCFGDIR/java.env"
JAVA=java
[ -n "$JAVA_HOME" ] && JAVA=$JAVA_HOME/bin/java
CLASSPATH=$ZOOCFGDIR:$home/lib/*${CLASSPATH:+:$CLASSPATH}
SERVER_JVMFLAGS="-Xmx${ZK_SERVER_HEAP:-1000}m $SERVER_JVMFLAGS"
CLIENT_JVMFLAGS="-Xmx${ZK_CLIENT_HEAP:-256}m $CLIENT_JVMFLAGS"
