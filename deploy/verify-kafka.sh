#!/bin/sh
# Prove that the release works: its objects, its brokers and its topics. Exits 1 where not.
exec learnflow verify --context "kubernetes/${NAMESPACE:-kafka}" --env production --wait 60s "$@"
