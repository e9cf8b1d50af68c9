"""What every contender records: one run with two steps and a tool call, 4 KB or 200 KB of messages a step."""

import itertools
import random
from functools import cache, cached_property
from typing import Any

RUN_ATTRIBUTES = {"tier": "gold", "region": "eu-west", "release": "2026.11"}
USER_PROMPT = ("Which of our suppliers can deliver 400 litres of paint by Thursday, and at what price? " * 3)[:200]
SYSTEM_PROMPT = ("You are a purchasing assistant. Compare offers, name your sources, and ask when unsure. " * 6)[:500]
RESPONSE = ("Müller & Söhne can deliver by Wednesday for 1 840 €, including transport to the Zürich site. " * 11)[:1000]
MODEL, MODEL_USED, PROVIDER = "gpt-4o", "gpt-4o-2024-08-06", "openai"
UNCACHED, CACHED, COMPLETION, COST = 812, 256, 190, 0.004250
TOOL_ARGS = {"query": "paint", "litres": 400, "before": "2026-11-26"}
TOOL_RESULT = {"offers": [{"supplier": f"S{i}", "price": 1800 + i, "days": i} for i in range(8)]}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Searches the offers of all suppliers that are approved for this buyer. " * 2,
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "litres": {"type": "integer"}},
            },
        },
    }
    for name in ("search_offers", "search_history", "ask_buyer")
]


class Size:
    """One size of the workload: conversations of ten messages with about so many characters, which runs have in turn.

    They are unlike, as a request of many runs that are the same would be compressed to next to nothing.
    """

    def __init__(self, name: str, length: int, count: int) -> None:
        self.name = name
        self._length = length
        self._count = count

    @cached_property
    def conversations(self) -> list[list[dict[str, Any]]]:
        return [prose(self._length, seed) for seed in range(self._count)]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The first of them."""
        return self.conversations[0]


LIGHT = Size("4 KB", 4_000, 20)
HEAVY = Size("200 KB", 200_000, 5)
MEGABYTE = Size("1 MB", 1_000_000, 1)


def prose(length: int, seed: int) -> list[dict[str, Any]]:
    """A conversation that compresses as natural text does: made-up words, as often as Zipf says."""
    words, weights = vocabulary()
    text = " ".join(random.Random(seed).choices(words, cum_weights=weights, k=length // 5))
    step = length // 10
    return [{"role": ("user", "assistant")[i % 2], "content": text[i * step : (i + 1) * step]} for i in range(10)]


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    letters = "eeeeeeetttttaaaaooooiiiinnnnsssshhhrrrddlluucmwfgypbvk"
    chance = random.Random(0)
    words = ["€", *("".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(4999))]
    return words, [*itertools.accumulate(1 / (rank + 3) for rank in range(len(words)))]
