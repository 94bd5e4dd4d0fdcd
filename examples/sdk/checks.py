"""Runs named checks one after the other and reports each in one line."""

import sys
import traceback
from collections.abc import Callable


def run(title: str, checks: list[Callable[[], None]]) -> None:
    """Prints a line per check; exits with 1 when any failed."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            check()
            print(f"ok    {title}: {name}")
        except Exception as error:  # noqa: BLE001  a check may fail in any way; the others still run
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[1]
            print(f"FAIL  {title}: {name} (line {where.lineno}): {type(error).__name__}: {error}")
    print(f"{title}: {len(checks) - failed} of {len(checks)} checks passed")
    sys.exit(1 if failed else 0)


def expect(condition: bool, problem: object) -> None:
    """Like assert, but not removed by python -O; `problem` is what was seen instead."""
    if not condition:
        raise AssertionError(problem)
