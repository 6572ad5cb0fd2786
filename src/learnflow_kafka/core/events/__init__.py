"""
Event schemas: their digests, and which changes a new version may make.

Pure comparison of JSON Schemas; reading and validating them is the adapters' work.
"""
