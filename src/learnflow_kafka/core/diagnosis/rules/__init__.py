"""
The rules, one module a family; `table` lists them.

A rule is a pure function from the evidence to causes. Its docstring is its page in
docs/reference/doctor.md: what is wrong, then what it looks at and what to do.
"""
