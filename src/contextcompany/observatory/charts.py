"""Counts over time → bars to draw: with an axis from nothing to a round number, and words for each of them. Pure."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.observatory import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from contextcompany.observatory.contexts import Dashboard, Stat

__all__ = ["HEIGHT", "Chart", "Line", "Mark", "Series", "charts"]

HEIGHT: Final = 140
"""Pixels of what is drawn."""

_TOP: Final = 10
"""Pixels above the uppermost line."""

_SEEN: Final = 2.0
"""Pixels of a bar that is not nothing, however little it is."""

_S: Final = 10**9
_TIMES: Final = tuple(
    unit * each
    for unit, steps in (
        (1000, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (10**6, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (_S, (1, 2, 5, 10, 20)),
        (60 * _S, (0.5, 1, 2, 5, 10, 20)),
        (3600 * _S, (0.5, 1, 2, 6, 12, 24, 48, 120, 240, 480, 960)),
    )
    for each in steps
)
"""Steps of an axis of durations, in nanoseconds."""


class Series(NamedTuple):
    """A part of each bar."""

    kind: str
    """The class that it is drawn with."""
    label: str
    values: list[float]


class Piece(NamedTuple):
    """A rectangle, in pixels from the top."""

    kind: str
    y: float
    height: float


class Mark(NamedTuple):
    """A bar; places are percent of the width."""

    start_ns: int
    x: float
    width: float
    title: str
    pieces: list[Piece]
    """From below; empty when it is nothing."""


class Line(NamedTuple):
    """A round number on the axis."""

    y: float
    label: str


class Chart(NamedTuple):
    """Bars over time."""

    key: str
    title: str
    figure: str
    """What all bars are together."""
    series: list[Series]
    marks: list[Mark]
    lines: list[Line]


def charts(dashboard: Dashboard) -> list[Chart]:
    """Of runs or calls, latency, tokens and cost."""
    bars, whole = dashboard.bars, dashboard.whole
    is_of_calls = dashboard.by in ("model", "tool")
    counted = [(each.spans, each.errors) if is_of_calls else (0, 0) for each in bars]
    if not is_of_calls:
        counted = [(each.runs, each.errors) for each in dashboard.runs]
    fine = [float(count - errors) for count, errors in counted]
    bad = [float(errors) for _, errors in counted]
    count = "Calls" if is_of_calls else "Runs"
    total, failed = sum(count for count, _ in counted), sum(errors for _, errors in counted)
    said = f"{words.count(total)}, {words.count(failed)} with errors" if failed else words.count(total)
    made = [
        _chart("runs", count, said, [Series("bad", "with errors", bad), Series("fine", "others", fine)], bars, _whole),
        _chart("latency", f"Latency of {count.lower()}", _latency(whole), _latencies(bars), bars, _time),
    ]
    if dashboard.by != "tool":
        made.append(_chart("tokens", "Tokens", words.tokens(_tokens(whole)), _of_tokens(bars), bars, _many))
        cost = [Series("fine", "cost", [each.cost for each in bars])]
        made.append(_chart("cost", "Cost", _cost(whole), cost, bars, words.cost))
    return made


def _latencies(bars: Sequence[Stat]) -> list[Series]:
    half = [float(each.p50_ns or 0) for each in bars]
    rest = [max(0.0, (each.p95_ns or 0) - low) for each, low in zip(bars, half, strict=True)]
    return [Series("half", "p50", half), Series("rest", "p95", rest)]


def _of_tokens(bars: Sequence[Stat]) -> list[Series]:
    return [
        Series("input", "input", [float(each.input_tokens - each.cached_tokens) for each in bars]),
        Series("cached", "cached input", [float(each.cached_tokens) for each in bars]),
        Series("output", "output", [float(each.output_tokens) for each in bars]),
    ]


def _tokens(stat: Stat) -> int:
    return stat.input_tokens + stat.output_tokens


def _latency(stat: Stat) -> str:
    return f"p50 {words.duration(stat.p50_ns)}, p95 {words.duration(stat.p95_ns)}"


def _cost(stat: Stat) -> str:
    if not stat.unpriced:
        return words.cost(stat.cost)
    calls = "call" if stat.unpriced == 1 else "calls"
    known = f"{words.cost(stat.cost)} and " if stat.cost else ""
    return f"{known}{words.count(stat.unpriced)} {calls} of unknown cost"


# --- the axis and the bars -------------------------------------------------------------------------------------------


def _chart(
    key: str, title: str, figure: str, series: list[Series], bars: Sequence[Stat], say: Callable[[float], str]
) -> Chart:
    sums = [sum(values) for values in zip(*(each.values for each in series), strict=True)]
    step = _step(max(sums, default=0), say)
    parts = max(1, ceil(round(max(sums, default=0) / step, 9)))
    top = parts * step
    scale = (HEIGHT - _TOP) / top
    share = 100 / max(1, len(bars))
    marks = []
    for number, bar in enumerate(bars):
        values = [each.values[number] for each in series]
        said = f"{words.moment(bar.start_ns)[:16]}: {_said(key, series, values, say)}"
        place = (round(number * share, 3), round(share, 3))
        marks.append(Mark(bar.start_ns, *place, said, _pieces(series, values, scale)))
    steps = [each * step for each in range(parts + 1)]
    lines = [Line(round(HEIGHT - each * scale, 2), _label(each, say)) for each in steps]
    return Chart(key, title, figure, series, marks, lines)


def _pieces(series: list[Series], values: list[float], scale: float) -> list[Piece]:
    made, bottom = [], float(HEIGHT)
    for each, value in zip(series, values, strict=True):
        if value > 0:
            height = max(_SEEN, value * scale)
            bottom -= height
            made.append(Piece(each.kind, round(max(0.0, bottom), 2), round(height, 2)))
    return made


def _said(key: str, series: list[Series], values: list[float], say: Callable[[float], str]) -> str:
    if not sum(values):
        return "nothing"
    if key == "latency":
        return f"p50 {say(values[0])}, p95 {say(sum(values))}"
    if key == "runs":
        failed = f", {say(values[0])} with errors" if values[0] else ""
        return f"{say(sum(values))}{failed}"
    if len(series) == 1:
        return say(values[0])
    return ", ".join(f"{say(value)} {each.label}" for each, value in zip(series, values, strict=True))


def _step(most: float, say: Callable[[float], str]) -> float:
    """Between two lines, of which there are three or four above nothing."""
    if say is _time:
        return next((each for each in _TIMES if most <= 4 * each), _TIMES[-1])
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most / 4))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if most <= 4 * each * power + 1e-12)
    return max(1.0, round(step)) if say is _whole else step


def _label(value: float, say: Callable[[float], str]) -> str:
    return words.stretch(int(value)) if say is _time and value else say(value)


def _whole(value: float) -> str:
    return words.count(round(value))


def _many(value: float) -> str:
    return words.tokens(round(value))


def _time(value: float) -> str:
    return words.duration(value) if value else "0"
