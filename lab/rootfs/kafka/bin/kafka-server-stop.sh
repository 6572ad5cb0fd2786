#!/bin/bash
# Asks the node in this container to stop.
pids=$(ps -ef | grep java | grep -i 'kafka\.Kafka' | grep -v grep | awk '{print $1}')
if [ -z "$pids" ]; then
  echo "No kafka server to stop"
  exit 1
fi
# shellcheck disable=SC2086 # several numbers
kill -s "${SIGNAL:-TERM}" $pids
