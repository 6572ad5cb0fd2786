"""
From a catalog and a live cluster to a plan.

`desired` resolves the catalog for an environment, `diff` compares, `planning` decides, and
`plan` is the value that comes out, made of `changes`; `policy` refuses, `risks` and
`retention` say what a change costs. Nothing here reads or changes a cluster.
"""
