"""
The file of contexts, and the secrets that contexts refer to.

`read` turns YAML into a `ContextBook` with every problem at its line, `write` writes it back
whole or not at all, `secrets` opens references. Nothing here prints, and no message quotes a
value that might be a secret.
"""
