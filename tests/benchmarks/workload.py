"""What every contender records: one run with two steps and a tool call, 4 KB or 200 KB of messages a step."""

import random
from typing import Any, NamedTuple

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


class Size(NamedTuple):
    """One size of the workload."""

    name: str
    messages: list[dict[str, Any]]


def size(name: str, total_bytes: int, count: int = 10) -> Size:
    """A conversation of `count` messages with about `total_bytes` of text."""
    sentence = "The offer of 12 March names 4.60 € a litre; the newer one, sent on Monday, is lower. "
    text = (sentence * (total_bytes // len(sentence) + 1))[: total_bytes // count]
    roles = ("user", "assistant")
    return Size(name, [{"role": roles[i % 2], "content": f"{i}. {text}"} for i in range(count)])


LIGHT = size("4 KB", 4_000)
HEAVY = size("200 KB", 200_000)
MEGABYTE = size("1 MB", 1_000_000)


def prose(total_bytes: int, seed: int) -> list[dict[str, Any]]:
    """A conversation that compresses as natural text does: made-up words, as often as Zipf says."""
    letters = "eeeeeeetttttaaaaooooiiiinnnnsssshhhrrrddlluucmwfgypbvk"
    chance = random.Random(0)
    words = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(5000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    text = " ".join(random.Random(seed).choices(words, weights, k=total_bytes // 5))
    step = total_bytes // 10
    return [{"role": ("user", "assistant")[i % 2], "content": text[i * step : (i + 1) * step]} for i in range(10)]
