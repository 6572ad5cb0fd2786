"""
The rules of `doctor`: from what was read of a cluster to the causes of its troubles.

`evidence` is everything that was read, once, as a frozen value; `objects` are the Kubernetes
objects in it, reduced to what the rules look at; `document` saves it and reads it back. A
rule is a pure function from the evidence to causes, listed in `table` with its family and its
page; `ranking` puts causes before what follows from them. Nothing here talks to a cluster, and
nothing here holds a secret: what could hold one (logs, environments) is reduced by `signs`
before it gets into a value.
"""
