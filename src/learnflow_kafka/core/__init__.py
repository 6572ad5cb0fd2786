"""
Pure values and rules.

Here live the nouns of our field (catalog, observed, change, plan, finding, lag) and the
functions that decide. Only the standard library and `learnflow_kafka.errors` may be
imported: no client, no YAML, no clock, no printing. Time and ids come in as arguments.
Everything above may import this package.
"""
