"""
Kubernetes: the API server, Helm as a program, and tunnels to brokers.

    kubeconfig  which API server, and who we are     errors     their answers in our words
    client      requests, and watching logs          websocket  frames for tunnels and exec
    read, write objects to core values and back      forward    tunnels to every broker
    helm        releases                             logs       what pods write

Only `wiring` imports this package. It speaks to the API server through httpx and keeps no
client key on disk longer than OpenSSL needs to read it.
"""
