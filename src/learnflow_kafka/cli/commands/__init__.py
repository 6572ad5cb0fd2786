"""One module per command: flags become plain arguments of one use case."""
