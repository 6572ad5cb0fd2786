"""
Builds adapters for use cases, one module per kind of adapter.

The only place that names adapters, and it imports each inside the function that builds it:
a command loads the libraries that it uses and no others.
"""
