#!/bin/bash
# Starts a node with the properties file it is given; honours EXTRA_ARGS besides kafka-run-class.sh's variables.
if [ $# -lt 1 ]; then
  echo "USAGE: $0 [-daemon] server.properties [--override property=value]*"
  exit 1
fi
base=$(dirname "$0")
if [ -z "$KAFKA_LOG4J_OPTS" ]; then
  export KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:$base/../config/log4j.properties
  [ -e "$base"/../libs/log4j-core-*.jar ] && KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=$base/../config/log4j2.yaml
fi
export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G}
EXTRA_ARGS=${EXTRA_ARGS-'-name kafkaServer -loggc'}
if [ "$1" = -daemon ]; then
  EXTRA_ARGS="-daemon $EXTRA_ARGS"
  shift
fi
# shellcheck disable=SC2086 # several words
exec "$base/kafka-run-class.sh" $EXTRA_ARGS kafka.Kafka "$@"
