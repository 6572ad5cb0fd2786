"""Durations on the command line."""

from __future__ import annotations

import click

from learnflow_kafka.core.units import FOREVER, parse_duration


class Seconds(click.ParamType[float]):
    """A duration as people write it, such as `60s` or `2m`, in seconds."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The seconds of the duration; UsageError with what to write instead."""
        if not isinstance(value, str):
            return value
        try:
            milliseconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if milliseconds == FOREVER:
            self.fail("this needs an end; write a duration such as 60s", param, ctx)
        return milliseconds / 1000
