"""A real Kubernetes for the tests: one node, in namespaces of its own, without Docker."""
