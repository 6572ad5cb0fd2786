#!/bin/sh
# Create the catalog's topics, or bring them to what it declares; run again, it does nothing.
exec learnflow apply --context "kubernetes/${NAMESPACE:-kafka}" --env production --yes "$@"
