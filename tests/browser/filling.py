"""Runs of every kind that pages show, made by the SDK as the environment configures it."""

import json
import os
import time
from urllib.request import urlopen

import contextcompany as tcc

_SEARCH = [{"name": "search_orders", "description": "Finds orders.", "parameters": {"type": "object"}}]
_SYSTEM = "You help customers of a shop. Be brief."

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \u202eevil\u202c javascript:alert(3) \x1b[31mred\x1b[0m \0"
    " <svg/onload=alert(4)> [a](javascript:alert(5)) '\"></textarea></script></title><a href=//x.example>b</a> {{7*7}}"
)
"""What a page must show as it is."""


def main() -> None:
    """Make the runs; they started within the last day."""
    now = time.time()
    for number in range(120):
        _ordinary(number, now - (120 - number) * 600)
    _hostile(now - 50)
    _failed(now - 40)
    report = tcc.flush(20)
    assert (report.waiting, report.dead, report.dropped) == (0, 0, {}), report
    left = _open()
    _wait_for_open()
    os._exit(left is None)  # leaves it open, as a process that is killed does


def _wait_for_open() -> None:
    for _ in range(100):
        with urlopen(os.environ["TCC_URL"] + "/api/runs?filter=status:running", timeout=5) as answer:
            if json.load(answer)["runs"]:
                return
        time.sleep(0.1)
    raise AssertionError("The run that is open did not arrive.")


def _ordinary(number: int, start: float) -> None:
    end = start + 1.5 + number * 7 % 40 / 3
    question = f"Where is my order {4000 + number}? It was meant to arrive {number % 5 + 1} days ago."
    step = {
        "prompt": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}],
        "response": "Let me look that up.",
        "model": ("gpt-4o", "claude-sonnet-4-5", "gpt-4o-mini")[number % 3],
        "tokens": {"uncached": 900 + number * 11, "cached": number % 4 * 512, "completion": 40 + number % 60},
        "finish_reason": "tool_calls",
        "tool_definitions": _SEARCH,
        "start_time": start + 0.1,
        "end_time": start + 1,
    }
    call = {
        "name": "search_orders",
        "args": {"order": 4000 + number},
        "result": {"state": "in transit", "days": number % 5},
        "start_time": start + 1,
        "end_time": end - 0.2,
        "status_code": 2 if number % 10 == 9 else 0,
        "status_message": "The warehouse did not answer." if number % 10 == 9 else "",
    }
    run_id = tcc.send_run(
        prompt={"user_prompt": question, "system_prompt": _SYSTEM},
        response=f"Order {4000 + number} is on its way and arrives in {number % 5} days.",
        start_time=start,
        end_time=end,
        agent=("support", "billing", "research", "writer")[number % 4],
        session_id=f"visit-{number // 3}",
        user_id=f"user-{number % 7}",
        status_code=1 if number % 10 == 9 else 0,
        status_message="Without the warehouse" if number % 10 == 9 else None,
        steps=[step],
        tool_calls=[call],
    )
    if number % 6 == 0:
        tcc.submit_feedback(run_id, score="thumbs_up" if number % 12 else "thumbs_down", text="Quick.")


def _failed(start: float) -> None:
    run = tcc.run(agent="billing", start_time=start).prompt("Refund my last invoice, please.")
    call = run.tool_call("refund", start_time=start + 1).args({"invoice": "I-1"}).end_time(start + 11)
    call.error("The payment provider did not answer within 10 s.")
    run.end_time(start + 12).error("The refund could not be made.")


def _hostile(start: float) -> None:
    with tcc.run(agent=HOSTILE, session_id=HOSTILE, start_time=start) as run:
        run.prompt(HOSTILE, HOSTILE).metadata(key=HOSTILE)
        with run.step(model="model-of-nobody") as step:
            step.prompt(HOSTILE).response(HOSTILE).tokens(uncached=10, completion=5)
        with run.tool_call(HOSTILE) as call:
            call.args({"<b>": HOSTILE}).result(HOSTILE)
        run.response(HOSTILE).end_time(start + 3)


def _open() -> tuple[tcc.Run, tcc.Step]:
    run = tcc.run(agent="research").prompt("Compare the last three quarters, in detail.")
    return run, run.step(model="claude-sonnet-4-5").prompt("Compare the last three quarters, in detail.")


if __name__ == "__main__":
    main()
