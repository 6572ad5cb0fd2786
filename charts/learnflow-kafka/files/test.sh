# `helm test`: as a client pod sees it. Every broker, through the Service; a record there and back
# with acks=all, on a topic of our own that is deleted again.
set -eu
cd "${NODE_KAFKA:-/opt/kafka}/bin"
topic=_learnflow.helm-test
text="helm test $(date)"
say() { printf '%s\n' "$*"; }

seen=$(./kafka-broker-api-versions.sh --bootstrap-server "$BOOTSTRAP" | grep -c '(id: ')
[ "$seen" -eq "$BROKERS" ] || { say "FAILED: $seen of $BROKERS brokers registered"; exit 1; }
say "ok: $seen brokers registered and reached by the names that they advertise"

./kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$topic" \
  --partitions 1 --replication-factor "$REPLICAS" >/dev/null
printf '%s\n' "$text" | ./kafka-console-producer.sh --bootstrap-server "$BOOTSTRAP" --topic "$topic"
./kafka-console-consumer.sh --bootstrap-server "$BOOTSTRAP" --topic "$topic" --from-beginning \
  --timeout-ms 10000 2>/dev/null | grep -qxF "$text" || { say "FAILED: the record did not come back"; exit 1; }
say "ok: a record written with acks=all and read back"
./kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --delete --topic "$topic" >/dev/null
