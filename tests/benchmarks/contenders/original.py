"""The original `contextcompany` 2.0.0: its builders post each run, step and tool call as JSON when it ends.

It has no agent name. Messages and tool definitions are text, which its user makes with `json.dumps`.
"""

import json
import os
from typing import Any

import workload as w

import contextcompany as tcc
from contenders import Prepared


def original(url: str) -> Prepared:
    os.environ |= {"TCC_API_KEY": "dev_key", "TCC_BASE_URL": url}

    def record(messages: list[dict[str, Any]]) -> None:
        r = tcc.run(session_id="s-1")
        for _ in range(2):
            s = r.step()
            s.prompt(json.dumps(messages)).response(w.RESPONSE)
            s.model(requested=w.MODEL, used=w.MODEL_USED)
            s.tokens(prompt_uncached=w.UNCACHED, prompt_cached=w.CACHED, completion=w.COMPLETION)
            s.cost(w.COST).finish_reason("stop").tool_definitions(json.dumps(w.TOOLS)).end()
        r.tool_call("search_offers").args(w.TOOL_ARGS).result(w.TOOL_RESULT).end()
        r.prompt(w.USER_PROMPT, w.SYSTEM_PROMPT).response(w.RESPONSE).metadata(w.RUN_ATTRIBUTES).end()

    return Prepared(record, lambda: None)
