"""
The only homes of client libraries; each adapter implements ports of `core.ports`.

All have one anatomy: `client` connects, `read` turns what the world says into core values,
`write` turns changes into calls, `errors` turns the client's errors into ours. Adapters do
not know each other; only `wiring` names one.
"""
