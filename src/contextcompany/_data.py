"""What a user may tell us about runs, steps and tool calls: plain values, no OpenTelemetry, no wire names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from contextcompany._messages import Prompt, Response

__all__ = ["Call", "Cost", "Evaluation", "Model", "RunData", "Scope", "Status", "StepData", "Tokens", "ToolCallData"]

OK, PARTIAL, ERROR = 0, 1, 2
"""The status codes of the original API: success, partial success, error."""


class Status(NamedTuple):
    """How something went: `code` is 0 (success), 1 (partial success) or 2 (error)."""

    code: int = OK
    message: str | None = None


class Model(NamedTuple):
    """The model that was asked for and the one that answered."""

    requested: str | None = None
    used: str | None = None


class Tokens(NamedTuple):
    """Token counts of one LLM call. The three input counts do not overlap; `reasoning` is a part of `completion`."""

    uncached: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    completion: int | None = None
    reasoning: int | None = None

    @property
    def input(self) -> int | None:
        """All input tokens, as GenAI conventions count them; `None` when no input count is known."""
        known = [n for n in (self.uncached, self.cached, self.cache_write) if n is not None]
        return sum(known) if known else None

    @classmethod
    def of_totals(
        cls,
        total_input: int | None,
        cached: int | None,
        cache_write: int | None,
        output: int | None,
        reasoning: int | None,
    ) -> Tokens:
        """Counts as GenAI conventions tell them, whose input has the two cache counts in it."""
        uncached = None if total_input is None else max(total_input - (cached or 0) - (cache_write or 0), 0)
        return cls(uncached, cached, cache_write, output, reasoning)

    @property
    def input_and_output(self) -> tuple[int | None, int | None]:
        """The two totals, which every convention has."""
        return self.input, self.completion


_SUCCESS, _UNKNOWN_MODEL, NO_TOKENS = Status(), Model(), Tokens()


class Cost(NamedTuple):
    """US dollars, and where the figure comes from: `price_version` is `None` when the user gave it."""

    total: float
    price_version: str | None = None


class Scope(NamedTuple):
    """What a run and everything in it share."""

    run_id: str
    session_id: str | None = None
    conversational: bool | None = None
    user_id: str | None = None
    org_id: str | None = None

    def told(self, **values: Any) -> Scope:
        """The same, but for the values that are not `None`."""
        return self._replace(**{name: value for name, value in values.items() if value is not None})


# Without comparison and repr, which nobody needs here, these take half the time to import.


@dataclass(eq=False, repr=False)
class Common:
    """What runs, steps and tool calls can all be told. The builder owns it until the end; then nobody changes it."""

    status: Status = _SUCCESS
    error_type: str | None = None
    time_to_first_chunk: float | None = None
    """Seconds."""
    metadata: dict[str, object] = field(default_factory=dict)
    incomplete: str | None = None
    declared: tuple[str, str] | None = None
    """Name and type of the declared step that it executes."""


@dataclass(eq=False, repr=False)
class RunData(Common):
    """One agent invocation."""

    agent: str | None = None
    tags: list[str] | None = None
    prompt: Prompt | None = None
    full_input: str | None = None
    response: Response | None = None
    full_output: str | None = None
    waited: float | None = None
    """Seconds it was suspended."""


@dataclass(eq=False, repr=False)
class StepData(Common):
    """One request to an LLM and its response."""

    step_id: str = ""
    prompt: Prompt | None = None
    response: Response | None = None
    model: Model = _UNKNOWN_MODEL
    provider: str | None = None
    tokens: Tokens = NO_TOKENS
    cost: Cost | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    tool_definitions: bytes | None = None
    parameters: dict[str, object] = field(default_factory=dict)
    told_by_client: dict[str, object] = field(default_factory=dict)
    """What only other instrumentation says, under the names of `_mapping.CLIENT_FACTS`."""

    def fill(self, said: StepData) -> None:
        """Add what `said` has and this has not.

        Token counts of the input go together, as do those of the output: half of each would add up to neither.
        """
        if self.finish_reason is None and (self.response is None or self.response.finish_reason is None):
            self.finish_reason = said.finish_reason
        if self.tool_definitions is None and (self.prompt is None or self.prompt.tools is None):
            self.tool_definitions = said.tool_definitions
        for name in ("prompt", "response", "provider", "response_id", "error_type", "time_to_first_chunk"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(said, name))
        self.model = Model(self.model.requested or said.model.requested, self.model.used or said.model.used)
        came = said.tokens if self.tokens.input is None else self.tokens
        went = said.tokens if self.tokens.completion is None and self.tokens.reasoning is None else self.tokens
        self.tokens = Tokens(*came[:3], *went[3:])
        self.parameters = {**said.parameters, **self.parameters}
        self.told_by_client = {**said.told_by_client, **self.told_by_client}


class Call(NamedTuple):
    """One call to an LLM as other instrumentation saw it."""

    said: StepData
    start_ns: int
    end_ns: int
    source: str | None = None
    """Which instrumentation that was, if it is known."""

    @property
    def has_answer(self) -> bool:
        """Whether anything came back: a failed attempt has none."""
        said = self.said
        return said.response_id is not None or said.tokens != NO_TOKENS or said.response is not None

    def is_same_as(self, other: Call) -> bool:
        """Whether two instrumentations saw the same call, as those of a framework and of the client below it do.

        Where both say the response's id, that decides. Else one ran within the other, and the token counts are equal
        as far as both know them.
        """
        mine, theirs = self.said, other.said
        if mine.response_id is not None and theirs.response_id is not None:
            return mine.response_id == theirs.response_id
        if self.source is not None and self.source == other.source:
            return False
        for count, same in zip(mine.tokens.input_and_output, theirs.tokens.input_and_output, strict=True):
            if count is not None and same is not None and count != same:
                return False
        outer, inner = sorted((self, other), key=lambda call: call.start_ns - call.end_ns)
        return outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns


@dataclass(eq=False, repr=False)
class ToolCallData(Common):
    """One execution of a tool."""

    tool_call_id: str = ""
    name: str | None = None
    description: str | None = None
    args: str | bytes | None = None
    """Text, or JSON in UTF-8."""
    result: str | bytes | None = None


class Evaluation(NamedTuple):
    """What a person or a program thought of a run."""

    name: str
    label: str | None = None
    value: float | None = None
    explanation: str | None = None
