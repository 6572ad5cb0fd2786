#!/bin/bash
# Runs a class of Kafka. Honours what Apache Kafka's script of this name honours:
# KAFKA_{HEAP,JVM_PERFORMANCE,GC_LOG,JMX,LOG4J}_OPTS, KAFKA_OPTS, JMX_PORT, LOG_DIR, CLASSPATH, JAVA_HOME.
base=$(dirname "$0")/..
if [ $# -lt 1 ]; then
  echo "USAGE: $0 [-daemon] [-name servicename] [-loggc] classname [opts]"
  exit 1
fi

for jar in "$base"/libs/*; do CLASSPATH=$CLASSPATH:$jar; done
CLASSPATH=${CLASSPATH#:}

LOG_DIR=${LOG_DIR:-$base/logs}
if [ -z "$KAFKA_LOG4J_OPTS" ]; then
  KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:$base/config/tools-log4j.properties
  [ -e "$base"/libs/log4j-core-*.jar ] && KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=$base/config/tools-log4j2.yaml
else
  [ -d "$LOG_DIR" ] || mkdir -p "$LOG_DIR"
fi
KAFKA_LOG4J_OPTS="-Dkafka.logs.dir=$LOG_DIR $KAFKA_LOG4J_OPTS"

if [ -z "$KAFKA_JMX_OPTS" ]; then
  KAFKA_JMX_OPTS="-Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false"
fi
if [ -n "$JMX_PORT" ]; then
  KAFKA_JMX_OPTS="$KAFKA_JMX_OPTS -Dcom.sun.management.jmxremote.port=$JMX_PORT -Dcom.sun.management.jmxremote.rmi.port=$JMX_PORT"
fi
if [ -z "$KAFKA_JVM_PERFORMANCE_OPTS" ]; then
  KAFKA_JVM_PERFORMANCE_OPTS="-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true"
fi
java=java
[ -n "$JAVA_HOME" ] && java=$JAVA_HOME/bin/java

while [ $# -gt 0 ]; do
  case $1 in
    -name) name=$2; shift 2 ;;
    -loggc) [ -n "$KAFKA_GC_LOG_OPTS" ] || log_gc=yes; shift ;;
    -daemon) daemon=yes; shift ;;
    *) break ;;
  esac
done
if [ -n "$log_gc" ]; then
  KAFKA_GC_LOG_OPTS="-Xlog:gc*:file=$LOG_DIR/$name-gc.log:time,tags:filecount=10,filesize=100M"
fi

# shellcheck disable=SC2206 # every variable holds several words
command=("$java" ${KAFKA_HEAP_OPTS:--Xmx256M} $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_GC_LOG_OPTS $KAFKA_JMX_OPTS
  $KAFKA_LOG4J_OPTS -cp "$CLASSPATH" $KAFKA_OPTS "$@")
if [ -n "$daemon" ]; then
  nohup "${command[@]}" >"$LOG_DIR/$name.out" 2>&1 </dev/null &
else
  exec "${command[@]}"
fi
