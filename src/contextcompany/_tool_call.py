"""Tool calls: one execution of a tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from opentelemetry.trace import SpanKind

from contextcompany import _configure, _diagnostics, _mapping
from contextcompany._content import as_text, dumps_utf8
from contextcompany._context import current_recording
from contextcompany._data import ToolCallData
from contextcompany._recording import Place, Recording, Time, place_for_child

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ToolCall", "current_tool_call", "tool_call"]


class ToolCall(Recording[ToolCallData]):
    """One execution of a tool, recorded as a child span of its run or of the step that asked for it.

    Args:
        run_id: The run it belongs to, in this process or any other; by default the current one.
        tool_call_id: The id the LLM gave the call, so that it pairs with the messages; by default a random UUID.
        tool_name: The tool's name, when it is known at the start; else `name()` sets it.
        api_key: Sends this tool call with this key.
        tcc_url: Sends this tool call to this URL.
        parent: The run, step or tool call it is a child of; by default its run.
        start_time: When it started; by default now.
    """

    _noun: ClassVar[str] = "tool call"

    def __init__(
        self,
        run_id: str | None = None,
        tool_call_id: str | None = None,
        tool_name: str | None = None,
        api_key: str | None = None,
        tcc_url: str | None = None,
        *,
        parent: Place | None = None,
        start_time: Time | None = None,
    ) -> None:
        pipeline = _configure.pipeline()
        data = ToolCallData(
            tool_call_id=as_text(tool_call_id) or pipeline.new_id(),
            name=as_text(tool_name) or None,
        )
        super().__init__(pipeline, data)
        self._run, context, self._children = place_for_child(pipeline, run_id, parent, api_key, tcc_url)
        self._start(context, SpanKind.INTERNAL, _mapping.tool_call_start_attributes, start_time)
        self._register()

    @property
    def tool_call_id(self) -> str:
        """The id of this call."""
        return self._data.tool_call_id

    def name(self, tool_name: str) -> Self:
        """Set the tool's name. Required before `end()` unless it was given at the start."""
        self._check("name()")
        self._data.name = as_text(tool_name)
        return self

    def description(self, text: str) -> Self:
        """Set what the tool does, in words."""
        self._check("description()")
        self._data.description = as_text(text)
        return self

    def args(self, value: object) -> Self:
        """Set the arguments: text as it is, anything else as JSON. The value is read now."""
        self._check("args()")
        self._data.args = _json_text(value)
        return self

    def result(self, value: object) -> Self:
        """Set the result: text as it is, anything else as JSON. The value is read now."""
        self._check("result()")
        self._data.result = _json_text(value)
        return self

    def _answer(self, value: object) -> None:
        if self._ended is None and self._data.result is None and value is not None:
            self._data.result = _json_text(value)

    def _missing(self) -> str | None:
        if self._data.name:
            return None
        return "A tool call needs a name before `end()`: call `name()`, or pass it as `tool_call(tool_name=…)`."

    def _name(self) -> str:
        return _mapping.tool_call_name(self._data)

    def _attributes(self) -> _mapping.Described:
        if not self._data.name:
            _diagnostics.warn(
                "no_name",
                "A tool call ends without a name: `tcc.tool_call(tool_name=…)` or `run.tool_call(…)`. "
                "The first argument of `tcc.tool_call()` is a run id.",
            )
        return self._describe(self._data)

    def _describe(self, data: ToolCallData) -> _mapping.Described:
        return _mapping.tool_call_attributes(data)

    def _without_content(self, data: ToolCallData) -> None:
        data.args = data.result = None


tool_call = ToolCall
"""Start a tool call: `tool_call(run_id=r.run_id, tool_name="search")`. The same as the class."""


def current_tool_call() -> ToolCall | None:
    """The tool call that is current here: the one whose `with` block this is in."""
    recording = current_recording()
    return recording if isinstance(recording, ToolCall) else None


def _json_text(value: object) -> str | bytes:
    return as_text(value) if isinstance(value, str) else dumps_utf8(value)
