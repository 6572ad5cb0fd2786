"""
Use cases: plan, apply, verify, up, and the daily work.

A use case takes ports (`core.ports`) and values, and returns values or yields one event a
step. It knows no adapter, prints nothing and never exits. `cli` and `wiring` import it.
"""
