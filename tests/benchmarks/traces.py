"""Traces like those of agents, and OTLP requests with them, for measuring the Observatory."""

import itertools
import json
import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "observatory")]

from spans import messages, run, step, tool_call  # noqa: E402 - needs the path above

__all__ = ["AGENTS", "MODELS", "TOOLS", "Text", "request", "trace"]

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro")
TOOLS = ("search", "fetch", "calculator", "sql", "email")
AGENTS = ("support", "research", "billing")


class Text:
    """Text like people's: few words are frequent, many are rare."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "eeeeaaaiiooutttnnnsssrrrhhlldcumfpgwybvkxjqz"
        count = 20_000
        self.words = ["".join(self._random.choices(letters, k=self._random.randint(2, 10))) for _ in range(count)]
        weights = [*itertools.accumulate(1 / (rank + 1) for rank in range(count))]
        self._whole = " ".join(self._random.choices(self.words, cum_weights=weights, k=2_000_000))

    def make(self, size: int) -> str:
        """From anywhere in a text of 10 MB, so that hardly two are alike and making them takes no time."""
        at = self._random.randrange(len(self._whole) - size)
        return self._whole[at : at + size]


def trace(number: int, text: Text, *, size: int, calls: int, start: float, has_cost: bool = True) -> list:
    """A run with steps and tool calls; spans have about `size` bytes."""
    pick = random.Random(number)
    half = max(16, (size - 350) // 2)
    said = {
        "gen_ai__input__messages": messages(text.make(half)),
        "gen_ai__output__messages": messages(text.make(half), role="assistant"),
    }
    more = {"start": start, "end": start + pick.expovariate(0.2), "agent": pick.choice(AGENTS)}
    failed = (2, "timeout") if number % 50 == 0 else (1, "")
    spans = [run(number, status=failed, gen_ai__conversation__id=f"session-{number // 4}", **said, **more)]
    for call in range(calls):
        at = start + call
        asked = {
            "gen_ai__input__messages": messages(text.make(half)),
            "gen_ai__output__messages": messages(text.make(half), role="assistant"),
            "gen_ai__usage__input_tokens": pick.randrange(3000),
            "gen_ai__usage__output_tokens": pick.randrange(500),
        }
        if has_cost:
            asked["tcc__cost__total"] = pick.random() / 50
        ended = at + pick.expovariate(1)
        spans.append(step(number, 2 + 2 * call, model=pick.choice(MODELS), start=at, end=ended, **asked))
        done = {
            "gen_ai__tool__call__arguments": json.dumps({"query": text.make(half)}),
            "gen_ai__tool__call__result": text.make(half),
        }
        tool = pick.choice(TOOLS) if number % 997 else "rare"
        spans.append(tool_call(number, 3 + 2 * call, 2 + 2 * call, tool=tool, start=at, end=ended, **done))
    return spans


def request(spans: list) -> bytes:
    """An OTLP request with these spans."""
    scope = b"".join(_field(2, each.raw) for each in spans)
    return _field(1, _field(2, scope))


def _field(number: int, content: bytes) -> bytes:
    size, head = len(content), bytearray([number << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + content
