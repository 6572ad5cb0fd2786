"""
The command line: flags to arguments, one use case, one view, one exit code.

`main` lists the commands, `commands/<verb>.py` holds each, `views/` shows values to people
and as JSON, `handler` turns errors into exit codes. No decision is made here.
"""
