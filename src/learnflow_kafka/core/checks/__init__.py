"""
The checks of `verify`: what is asked of the evidence, and how an answer is judged.

Each check is a small pure function from `evidence.Evidence` to an `outcomes.Outcome`;
`table.CHECKS` lists them all under their stable names. Nothing here talks to a cluster:
`app.verify` gathers the evidence once, and what could not be gathered stays `Unknown`, which
makes the checks that need it "not checked" and no other.
"""
