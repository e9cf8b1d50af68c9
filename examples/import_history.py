"""Finished conversations from a log, recorded after the fact with their own times."""

import json
from datetime import datetime, timedelta

import contextcompany as tcc

LOG = """\
{"id": "c-1001", "at": "2026-11-02T09:15:00Z", "ms": 1840, "user": "Is the red one in stock?", "tool": ["stock", {"sku": "R-7"}, {"count": 3}], "answer": "Yes, three are left.", "model": "gpt-4o-mini", "in": 412, "out": 9}
{"id": "c-1002", "at": "2026-11-02T09:21:30Z", "ms": 920, "user": "Ship it to Bern.", "answer": "Done.", "model": "gpt-4o-mini", "in": 388, "out": 3}
"""  # noqa: E501 - log lines are long

for line in LOG.splitlines():
    entry = json.loads(line)
    start = datetime.fromisoformat(entry["at"].replace("Z", "+00:00"))
    end = start + timedelta(milliseconds=entry["ms"])
    step = {
        "prompt": [{"role": "user", "content": entry["user"]}],
        "response": entry["answer"],
        "model": entry["model"],
        "tokens": {"uncached": entry["in"], "completion": entry["out"]},
        "start_time": start,
        "end_time": end,
    }
    tool_calls = []
    if "tool" in entry:
        name, args, result = entry["tool"]
        tool_calls = [{"name": name, "args": args, "result": result, "start_time": start, "end_time": end}]
    # The log's own id as run id: importing the same line twice records the same run twice, not two runs.
    run_id = tcc.send_run(
        run_id=entry["id"],
        session_id="2026-11-02",
        prompt=entry["user"],
        response=entry["answer"],
        start_time=start,
        end_time=end,
        steps=[step],
        tool_calls=tool_calls,
    )
    print(f"imported {run_id}, {entry['ms']} ms from {start:%H:%M:%S}")

tcc.flush()
