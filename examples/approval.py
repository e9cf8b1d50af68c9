"""An agent that asks a person before it acts: the run waits, and another process goes on with it."""

import subprocess
import sys

import contextcompany as tcc


@tcc.tool
def place_order(item: str, euros: float) -> dict:
    """Orders something."""
    return {"item": item, "euros": euros, "number": 1042}


@tcc.agent(name="buyer")
def ask(request: str) -> str:
    """What the agent does until it needs a person. Returns what to keep with the question."""
    print(f"May I? {request}")
    return tcc.current_run().suspend()


def go_on(token: str, *, approved: bool) -> None:
    """What it does once there is an answer."""
    with tcc.resume(token) as run:
        if not approved:
            run.status(1, "not approved").response("I did not order them.")
        else:
            order = place_order("running shoes", 120.0)
            run.response(f"Ordered, number {order['number']}.")
        print(f"run {run.run_id} ends, after a person was asked")


if __name__ == "__main__":
    tcc.configure(console=True)
    if len(sys.argv) > 1:  # the web front end's process, when the person has answered
        go_on(sys.argv[1], approved=True)
    else:
        waiting = ask("Buy me running shoes.")
        print(f"the run waits, as {len(waiting)} characters of text")
        subprocess.run([sys.executable, __file__, waiting], check=True)
