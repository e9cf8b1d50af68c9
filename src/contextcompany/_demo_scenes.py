"""What happens in demo runs. Content is the same each time; a clock says when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import contextcompany as tcc
from contextcompany._demo_shop import SYSTEM, Call, ask, asked, run, size, think, use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany._demo_shop import Clock

__all__ = [
    "TURNS",
    "Turn",
    "broken_import",
    "conversation",
    "local_model",
    "out_of_stock",
    "overloaded",
    "rate_limited",
    "refund",
    "report",
    "research",
    "support",
    "write",
]


# --- support ---------------------------------------------------------------------------------------------------------


class Turn(NamedTuple):
    """A question, what is looked up, and the answer."""

    question: str
    calls: tuple[Call, ...]
    answer: str


TURNS = (
    Turn(
        "Where is my order 1042?",
        (Call("find_order", {"order": "1042"}, {"state": "sent", "parcel": "P-77"}, 0.21),),
        "Your order 1042 has been sent as parcel P-77. I can look up where it is if you like.",
    ),
    Turn(
        "Where is the parcel now, and can I still change the address?",
        (
            Call("track_parcel", {"parcel": "P-77"}, {"place": "depot Lyon", "due": "tomorrow"}, 0.62),
            Call("search_handbook", {"query": "change address"}, "Not after a parcel has left the shop.", 0.18),
        ),
        "It is in the depot in Lyon and due tomorrow. The address cannot be changed any more.",
    ),
    Turn(
        "If the brake pads do not fit, can I send them back?",
        (Call("search_handbook", {"query": "returns"}, "Free within 30 days if not mounted.", 0.17),),
        "Yes: within 30 days, free of charge, as long as they were not mounted.",
    ),
    Turn(
        "Thanks! Do you have tyres 28 x 1.75 too?",
        (
            Call("check_stock", {"part": "tyre 28x1.75"}, {"Lyon": 12, "Paris": 0, "Lille": 3}, 0.41),
            Call("search_handbook", {"query": "tyre sizes"}, "28 x 1.75 is 47-622.", 0.16),
            Call("find_order", {"order": "1042"}, {"state": "sent", "parcel": "P-77"}, 0.19),
        ),
        "Yes, 12 in Lyon and 3 in Lille. The size is also written as 47-622.",
    ),
    Turn(
        "My chain skips in the smallest gear. What should I buy?",
        (
            Call("search_handbook", {"query": "chain skips"}, "Chain or cassette is worn: measure the chain.", 0.19),
            Call("check_stock", {"part": "chain gauge"}, {"Lyon": 4, "Paris": 9, "Lille": 1}, 0.33),
        ),
        "Nothing yet: measure the chain first. A gauge costs little, and we have some in each shop.",
    ),
    Turn("Are you open on Sunday?", (), "No, we are closed on Sundays. On Monday we open at ten."),
)


def support(clock: Clock, name: str, turn: Turn, *, messages: list[Any] | None = None, **told: Any) -> tcc.Run:
    """One turn of a conversation, which `messages` holds so far and afterwards."""
    messages = asked(turn.question)[:1] if messages is None else messages
    messages.append({"role": "user", "content": turn.question})
    told = {"user_id": "customer-17", "metadata": {"shop": "Lyon", "channel": "web"}, **told}
    r = run(clock, name, "support", "support", **told).prompt(turn.question, SYSTEM)
    if turn.calls:
        ask(r, clock, "gpt-5-mini", messages, turn.calls, 0.7)
        use(r, clock, messages, turn.calls)
    ask(r, clock, "gpt-5-mini", messages, turn.answer, 1.1)
    r.response(turn.answer).end_time(clock.now()).end()
    return r


def conversation(clock: Clock) -> None:
    """A session of several turns, with feedback."""
    messages = asked("")[:1]
    for number, turn in enumerate(TURNS[:4]):
        told = {"session_id": "demo-order-1042", "conversational": True}
        r = support(clock, f"conversation {number}", turn, messages=messages, **told)
        if number == 1:
            r.feedback("thumbs_up", "It looked up both at once.")
        if number == 2:
            r.feedback("thumbs_down", "I had asked about brake pads that are mounted.")
        clock.wait(20)


# --- others ----------------------------------------------------------------------------------------------------------

_PAGES = {
    "hub gears": "Hub gears need oil every 5,000 km; a belt can be used with most of them.",
    "belts": "A belt lasts 20,000 km and more, and needs a frame that opens at the rear.",
}


def research(clock: Clock, name: str = "research") -> None:
    """An agent that lets another one read for it: a run inside a run, by a model that caches what it is told to."""
    question = "Would a belt drive suit a city bike with hub gears?"
    with run(clock, name, "research", session_id=f"demo-{name.replace(' ', '-')}", metadata={"depth": 2}) as r:
        r.prompt(question)
        think(r, clock, "claude-sonnet-4-5", question, "I will have both topics read.", 1.6, written=1_480)
        for topic, page in _PAGES.items():
            with tcc.tool_call(tool_name="read_about", start_time=clock.now()) as call:
                call.args({"topic": topic})
                with run(clock, f"{name} {topic}", "reader") as reader:
                    reader.prompt(f"What matters about {topic}?")
                    think(reader, clock, "claude-haiku-4-5", f"Sum up: {page}", page, 0.7)
                    reader.response(page).end_time(clock.now())
                call.result(page).end_time(clock.now())
        answer = "Yes, if the frame opens at the rear: a belt lasts 20,000 km and goes with most hub gears."
        think(r, clock, "claude-sonnet-4-5", question, answer, 2.2, read=1_480)
        r.response(answer).end_time(clock.now())
    r.feedback("thumbs_up", "With numbers, and short.")


def write(clock: Clock) -> None:
    """A streamed answer."""
    text = "Spring is the time to check brakes, chain and tyres. Come by: the first look is free, and coffee is on us."
    with run(clock, "writer", "writer", metadata={"campaign": "spring"}) as r:
        r.prompt("Write two sentences that invite customers to a spring check.")
        with r.step(model="gpt-4o") as s:
            s.prompt("Write two sentences that invite customers to a spring check.")
            clock.wait(0.35)
            for _ in s.stream(_slowly(clock, text)):
                pass
            s.tokens(uncached=24, completion=size(text)).finish_reason("stop")
        r.response(text)


def _slowly(clock: Clock, text: str) -> Iterator[str]:
    for word in text.split(" "):
        clock.wait(0.03)
        yield f"{word} "


def rate_limited(clock: Clock, name: str = "rate limited") -> None:
    """A request that fails and is made again."""
    question = "Which lights may a child's bike have?"
    r = run(clock, name, "support", "support", user_id="customer-4").prompt(question, SYSTEM)
    messages = asked(question)
    failed = r.step(model="gpt-5-mini", start_time=clock.now()).prompt(messages)
    clock.wait(0.3)
    failed.end_time(clock.now()).error("Rate limit reached for gpt-5-mini (429). Try again in 2 s.")
    clock.wait(2)
    answer = "White in front and red at the back, both with a reflector."
    ask(r, clock, "gpt-5-mini", messages, answer)
    r.response(answer).end_time(clock.now()).end()


def overloaded(clock: Clock, name: str = "overloaded") -> None:
    """A run that fails because its model does."""
    question = "Which saddle is best for long tours?"
    r = run(clock, name, "support", "support", user_id="customer-21").prompt(question, SYSTEM)
    failed = r.step(model="gpt-5-mini", start_time=clock.now()).prompt(asked(question))
    clock.wait(12)
    failed.end_time(clock.now()).error("The model is overloaded (503).")
    r.end_time(clock.now()).error("The model did not answer.")


def out_of_stock(clock: Clock, name: str = "out of stock") -> None:
    """An answer that is not all that was asked for: a tool failed."""
    question = "Do you have a cargo bike to try?"
    r = run(clock, name, "support", "support", user_id="customer-9").prompt(question, SYSTEM)
    messages = asked(question)
    calls = [Call("check_stock", {"part": "cargo bike"}, None, 3.0)]
    ask(r, clock, "gpt-5-mini", messages, calls)
    call = r.tool_call("check_stock", "call_0", start_time=clock.now()).args(calls[0].args)
    clock.wait(3)
    call.end_time(clock.now()).error("The stock list did not answer within 3 s.")
    messages.append({"role": "tool", "tool_call_id": "call_0", "content": "error: no answer"})
    answer = "I cannot see the stock list at the moment. Please ask in the shop."
    ask(r, clock, "gpt-5-mini", messages, answer)
    r.response(answer).status(1, "Answered without the stock list.").end_time(clock.now()).end()
    r.feedback("thumbs_down", "That did not help me.")


def broken_import(clock: Clock) -> None:
    """A run that ends with an exception."""
    try:
        with run(clock, "import", "importer", metadata={"file": "prices-november.csv"}) as r:
            r.prompt("Import the price list.")
            with r.tool_call("read_prices", start_time=clock.now()) as call:
                call.args({"file": "prices-november.csv"})
                clock.wait(0.4)
                call.end_time(clock.now())
                r.end_time(clock.now())
                _prices("part;price\nchain;19,90\nsaddle;on request\n")
    except ValueError:
        pass  # it is recorded, which is what it was raised for


def _prices(text: str) -> dict[str, float]:
    rows = (line.split(";") for line in text.splitlines()[1:])
    return {part: float(price.replace(",", ".")) for part, price in rows}


def local_model(clock: Clock, name: str = "local model") -> None:
    """A model whose price nobody knows."""
    question = "Sort these reviews by mood: “Great bell!”, “The saddle squeaks.”"
    r = run(clock, name, "sorter", metadata={"batch": 12}).prompt(question)
    ask(r, clock, "shop-model-7b", asked(question), "Happy: 1. Unhappy: 2.", 0.6)
    r.response("Happy: 1. Unhappy: 2.").end_time(clock.now()).end()


def refund(clock: Clock, name: str = "refund") -> None:
    """An agent that waits for a person."""
    question = "The saddle of order 1038 squeaks. I would like my money back."
    r = run(clock, name, "refunds", "approval", user_id="customer-38").prompt(question, SYSTEM)
    messages = asked(question)
    found = [Call("find_order", {"order": "1038"}, {"state": "delivered", "euros": 39.9}, 0.2)]
    ask(r, clock, "gpt-5-mini", messages, found)
    use(r, clock, messages, found)
    token = r.suspend()
    clock.wait(9)
    r = tcc.resume(token).metadata(approved=True)
    paid = [Call("issue_refund", {"order": "1038", "euros": "39.90"}, {"paid": True}, 0.5)]
    ask(r, clock, "gpt-5-mini", messages, paid)
    use(r, clock, messages, paid)
    answer = "A colleague has agreed: 39.90 € are on their way to you."
    ask(r, clock, "gpt-5-mini", messages, answer)
    r.response(answer).end()


def report(clock: Clock) -> None:
    """A run that takes its time."""
    question = "Write the weekly report for the three shops."
    r = run(clock, "report", "reporter", metadata={"week": 48}, session_id="demo-reports").prompt(question)
    messages = asked(question)
    for shop in ("Lyon", "Paris", "Lille"):
        calls = [Call("check_stock", {"part": f"everything in {shop}"}, {"parts": 412, "missing": 7}, 1.5)]
        ask(r, clock, "gpt-4o", messages, calls, 2.5)
        use(r, clock, messages, calls)
    answer = "All three shops are well stocked; 21 parts in all have to be ordered."
    ask(r, clock, "gpt-4o", messages, answer, 4)
    r.response(answer).end_time(clock.now()).end()
