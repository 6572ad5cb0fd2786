# `helm test`: as a client pod sees it. Every broker, through the Service; a record there and back
# with acks=all, on a topic of our own that is deleted again.
set -eu
cd "${NODE_KAFKA:-/opt/kafka}/bin"
topic=_learnflow.helm-test-$(date +%s)
text="helm test $(date)"
say() { printf '%s\n' "$*"; }

seen=$(./kafka-broker-api-versions.sh --bootstrap-server "$BOOTSTRAP" | grep -c '(id: ')
[ "$seen" -eq "$BROKERS" ] || { say "FAILED: $seen of $BROKERS brokers registered"; exit 1; }
say "ok: $seen brokers registered and reached by the names that they advertise"

remove() { ./kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --delete --topic "$topic" >/dev/null; }
./kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --create --topic "$topic" \
  --partitions 1 --replication-factor "$REPLICAS" >/dev/null 2>&1
trap remove EXIT
printf '%s\n' "$text" | ./kafka-console-producer.sh --bootstrap-server "$BOOTSTRAP" --topic "$topic"
# A partition by its number: no group, so no coordinator to wait for, and nothing left behind.
./kafka-console-consumer.sh --bootstrap-server "$BOOTSTRAP" --topic "$topic" --partition 0 \
  --offset earliest --max-messages 1 --timeout-ms 60000 | grep -qxF "$text" ||
  { say "FAILED: the record did not come back"; exit 1; }
say "ok: a record written and read back"
