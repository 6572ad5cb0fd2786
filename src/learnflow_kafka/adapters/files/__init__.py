"""
Catalogs in files: YAML text in, checked core values out, and back.

The only home of PyYAML, pydantic and jsonschema. `client` finds and decodes files, `nodes`
turns YAML into a tree that knows its lines, `models` is the format, `read` and `declare` make
a catalog of it, `write` writes one, `errors` words what is wrong.
"""
