"""The `learnflow` command; also `python -m learnflow_kafka`."""

import sys


def main() -> None:
    """Run the command line, or say what to install where its libraries are missing."""
    try:
        from learnflow_kafka.cli.main import run  # noqa: PLC0415 - optional extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("learnflow_kafka"):
            raise
        sys.stderr.write(
            f"learnflow: the command line needs '{error.name}', which is not installed.\n"
            'Install it:  pip install "learnflow-kafka[all]"\n'
        )
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
