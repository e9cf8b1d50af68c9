"""What was said in a run, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contextcompany import _trees

if TYPE_CHECKING:
    from contextcompany._terminal import Terminal
    from contextcompany.observatory.exchanges import Exchange
    from contextcompany.observatory.fold import Message

__all__ = ["messages_text", "talk_text"]


def talk_text(said: list[Exchange], terminal: Terminal) -> str:
    """Each message under who said it, and which agent where there are several."""
    made: list[str] = []
    agent = said[0].agent if all(each.agent == said[0].agent for each in said) else None
    for each in said:
        if each.agent != agent:
            agent = each.agent
            made += [terminal.styled(f"{terminal.glyphs.dash * 2} {terminal.safe(agent)}", "bold"), ""]
        if each.system:
            made += [*_message({"role": "system", "parts": each.system}, "", terminal), ""]
        for message in each.new:
            made += [*_message(message, "", terminal), ""]
        for message in each.answer:
            made += [*_message(message, terminal.safe(each.model), terminal), ""]
        if each.status_message and each.status != "ok":
            made += [terminal.styled(f"{terminal.glyphs.error} {terminal.safe(each.status_message)}", "red"), ""]
    return "\n".join(made).rstrip("\n")


def messages_text(messages: list[Message], terminal: Terminal) -> list[str]:
    """Messages, each under its role."""
    return [line for message in messages for line in _message(message, "", terminal)]


def _message(message: Message, who: str, terminal: Terminal) -> list[str]:
    role = terminal.safe(str(message.get("role") or "message"))
    named = f"{terminal.styled(role, 'cyan')}  {terminal.styled(who, 'dim')}" if who else terminal.styled(role, "cyan")
    parts = message.get("parts")
    return [named.rstrip(), *(line for part in parts or () for line in _part(part, terminal))]


def _part(part: Any, terminal: Terminal) -> list[str]:
    match part:
        case {"type": "text", "content": str(text)}:
            return _indented(text, terminal)
        case {"type": "reasoning", "content": str(text)}:
            return [terminal.styled(line, "dim") for line in _indented(f"(thinks) {text}", terminal)]
        case {"type": "tool_call"}:
            return _indented(f"{terminal.glyphs.arrow} {_trees.part_text(part)}", terminal)
    return _indented(_trees.part_text(part), terminal)


def _indented(text: str, terminal: Terminal) -> list[str]:
    return [f"  {line}" for line in terminal.safe_lines(text)]
