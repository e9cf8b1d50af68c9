"""What was said in a run, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contextcompany import _trees
from contextcompany.observatory import exchanges
from contextcompany.observatory.dialogue import Part, Speech, dialogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import Whole
    from contextcompany.observatory.exchanges import Exchange, Talk
    from contextcompany.observatory.fold import Message
    from contextcompany.observatory.store import Store

__all__ = ["messages_text", "talk_text", "whole_talk"]


def whole_talk(store: Store, whole: Whole) -> Talk:
    """A conversation with all its pages."""
    said = [*exchanges.everything(store, whole)]
    return exchanges.talk(store, whole)._replace(exchanges=said, next=None)


def talk_text(said: Iterable[Exchange], terminal: Terminal) -> str:
    """What each said under who said it, and which agent where there are several."""
    listed = [*said]
    agents = {each.agent for each in listed}
    made: list[str] = []
    agent = listed[0].agent if len(agents) == 1 else None
    for each in listed:
        if each.agent != agent:
            agent = each.agent
            made += [terminal.styled(f"{terminal.glyphs.dash * 2} {terminal.safe(agent)}", "bold"), ""]
        model = each.line.name if each.line.kind == "step" else ""
        for speech in each.speeches:
            made += [*_speech(speech, model if speech.role == "assistant" else "", terminal), ""]
        if each.line.status_message and each.line.status != "ok":
            wrong = f"{terminal.glyphs.error} {terminal.safe(each.line.status_message)}"
            made += [terminal.styled(wrong, "red"), ""]
    return "\n".join(made).rstrip("\n")


def messages_text(messages: list[Message] | None, system: list[Message] | None, terminal: Terminal) -> list[str]:
    """Messages, each under its role."""
    return [line for speech in dialogue(messages, system) for line in _speech(speech, "", terminal)]


def _speech(speech: Speech, model: str, terminal: Terminal) -> list[str]:
    role, more = terminal.safe(speech.role), terminal.safe(" ".join(filter(None, [speech.name, model])))
    title = terminal.styled(role, "cyan") + (f"  {terminal.styled(more, 'dim')}" if more else "")
    return [title, *(line for part in speech.parts for line in _part(part, terminal))]


def _part(part: Part, terminal: Terminal) -> list[str]:
    text = part.value if isinstance(part.value, str) else _trees.json_text(part.value)
    if part.kind == "reasoning":
        return [terminal.styled(line, "dim") for line in _indented(f"(thinks) {text}", terminal)]
    if part.kind == "call":
        made = _indented(f"{terminal.glyphs.arrow} {part.name}({text})", terminal)
        return made + (_result(part.result, terminal) if part.has_result else [])
    if part.kind == "result":
        return _result(part.value, terminal)
    if part.kind in {"image", "attachment"}:
        return _indented(f"<{part.kind}{f': {text}' if part.kind == 'attachment' else ''}>", terminal)
    return _indented(text, terminal)


def _result(value: Any, terminal: Terminal) -> list[str]:
    text = value if isinstance(value, str) else _trees.json_text(value)
    return _indented(f"{terminal.glyphs.back} {text}", terminal)


def _indented(text: str, terminal: Terminal) -> list[str]:
    return [f"  {line}" for line in terminal.safe_lines(text)]
