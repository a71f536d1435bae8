"""Are these the notebook's numbers? Runs its cases and lays each value beside the printed one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import notebook
from .cases import CASES, LAST_DIGIT, Case, draw_from
from .gradients import GRADIENTS
from .page import Page

PER_LINE = 5
#: floats with fewer digits were rounded for print
ALL_DIGITS = 15


def show(page: Page) -> None:
    page.heading("The notebook's numbers", "np.random.seed(1) before each case")
    for case in CASES:
        show_case(page, case)
    page.heading("The backward pass: gradients", "np.random.seed(1) before each case")
    page.line("As longer notebooks on the same exercise printed them. Sums that they took in")
    page.line("another order differ in the last digits.")
    for case in GRADIENTS:
        show_case(page, case)


def show_case(page: Page, case: Case) -> None:
    page.line()
    page.line(f"{case.function}({', '.join(sizes(case))})")
    results = run(case)
    for expression, text in case.printed.items():
        got, want, right = compare(eval(expression, {"len": len}, results), text, case.units)
        if max(len(got), len(want)) > 1:
            show_array(page, expression, got, want, right)
            continue
        page.verdict(all(right), f"{expression:<13} cyrnn {got[0]:<20} notebook {want[0]}")
        if got != want and expression in case.exact:
            exact = case.exact[expression]
            page.line(f"         exact {exact}: the difference is rounding")


def sizes(case: Case) -> list[str]:
    """The arguments' shapes, and "parameters", "cache" or "caches"."""
    others = "parameters" if case in CASES else "cache" if "cell" in case.function else "caches"
    return [str(getattr(argument, "shape", others)) for argument in case.arguments(draw_from(1))]


def run(case: Case) -> dict[str, Any]:
    got = getattr(notebook, case.function)(*case.arguments(draw_from(1)))
    return got if isinstance(got, dict) else dict(zip(case.results, got, strict=True))


def show_array(page: Page, expression: str, got: list[str], want: list[str], right: list[bool]) -> None:
    page.verdict(all(right), expression)
    for start in range(0, max(len(got), len(want)), PER_LINE):
        part = slice(start, start + PER_LINE)
        page.line("         cyrnn   " + "".join(f"{word:>12}" for word in got[part]))
        page.line("         notebook" + "".join(f"{word:>12}" for word in want[part]))
        if not all(right[part]):
            marks = "".join(f"{'' if ok else '^' * 11:>12}" for ok in right[part])
            page.line(" " * 17 + marks.rstrip())


def compare(value: Any, text: str, units: int = LAST_DIGIT) -> tuple[list[str], list[str], list[bool]]:
    """Ours as words, the notebook's as words, and which of them agree.

    Arrays were printed to eight decimals and must agree in all of them, and floats in those that were printed; floats
    printed in full, up to some units of the last digit.
    """
    if text.startswith("["):
        got = [f"{number:.8f}" for number in np.ravel(value)]
        want = [f"{float(word):.8f}" for word in text.strip("[]").split()]
        right = [g == w for g, w in zip(got, want, strict=False)]
        return got, want, right + [False] * abs(len(got) - len(want))
    if "." not in text:
        return [str(value)], [text], [str(value) == text]
    decimals = len(text.partition(".")[2])
    if len(text.replace(".", "").lstrip("-0")) < ALL_DIGITS:
        got = [f"{value:.{decimals}f}"]
        return got, [text], [got == [text]]
    unit = max(10.0**-decimals, math.ulp(float(text)))
    return [repr(float(value))], [text], [abs(float(value) - float(text)) <= units * unit]
