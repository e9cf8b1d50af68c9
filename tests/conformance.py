"""What the SDK sent, checked against the GenAI conventions as `contextcompany lint` checks it."""

from collections.abc import Iterable

from contextcompany.linting import Finding, Linter
from contextcompany.observatory import otlp
from contextcompany.observatory.files import Part
from receiver import Request

__all__ = ["violations"]

MOST = 300
"""So many spans and events of a test are checked: many tests send thousands that are alike."""

NOT_HERE = {"duplicate_span"}
"""Tests use the ids of runs again."""


def violations(requests: Iterable[Request]) -> list[str]:
    """What is wrong with the spans and events that our own scope recorded, as sentences."""
    found: list[Finding] = []
    checked = 0
    for request in requests:
        batch = _ours(request)
        found += Linter().take(Part("a request", 0, batch, is_otlp=True))
        checked += len(batch.spans) + len(batch.logs)
        if checked > MOST:
            break
    wrong = [each for each in found if each.level == "violation" and each.rule not in NOT_HERE]
    return [f"{each.where.name}: {each.rule}: {each.message}" for each in wrong]


def _ours(request: Request) -> otlp.Batch:
    if request.headers.get("content-type") != otlp.PROTOBUF:
        return otlp.Batch([], [], [])
    batch = otlp.decode("traces", request.body, otlp.PROTOBUF)
    if batch.refused and not batch.spans:
        batch = otlp.decode("logs", request.body, otlp.PROTOBUF)
    spans = [span for span in batch.spans if span.scope.name == "contextcompany"]
    logs = [log for log in batch.logs if log.scope.name == "contextcompany"]
    return otlp.Batch(spans[:MOST], logs[:MOST], [])
