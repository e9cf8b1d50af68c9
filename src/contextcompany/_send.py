"""Finished data in one call: runs, steps and tool calls that happened earlier, with their own times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from contextcompany._content import as_text
from contextcompany._run import Run
from contextcompany._step import Step
from contextcompany._tool_call import ToolCall
from contextcompany.exceptions import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contextcompany._recording import Time

__all__ = ["StepInput", "TokenCounts", "ToolCallInput", "send_run", "send_step", "send_tool_call"]


class TokenCounts(TypedDict, total=False):
    """Token counts, as `Step.tokens` takes them."""

    prompt_uncached: int
    prompt_cached: int
    uncached: int
    cached: int
    cache_write: int
    completion: int
    reasoning: int


class _StepRequired(TypedDict):
    prompt: Any
    response: Any
    start_time: Time
    end_time: Time


class StepInput(_StepRequired, total=False):
    """A step inside `send_run(steps=[…])`: the arguments of `send_step` without the run's."""

    step_id: str
    model: str | dict[str, str]
    provider: str
    tokens: TokenCounts
    cost: float
    finish_reason: str
    response_id: str
    tool_definitions: str | Sequence[object]
    parameters: Mapping[str, Any]
    status_code: int
    status_message: str
    metadata: Mapping[str, object]


class _ToolCallRequired(TypedDict):
    name: str
    start_time: Time
    end_time: Time


class ToolCallInput(_ToolCallRequired, total=False):
    """A tool call inside `send_run(tool_calls=[…])`: the arguments of `send_tool_call` without the run's."""

    tool_call_id: str
    args: Any
    result: Any
    status_code: int
    status_message: str
    metadata: Mapping[str, object]


def send_run(
    *,
    prompt: object,
    start_time: Time,
    end_time: Time,
    run_id: str | None = None,
    session_id: str | None = None,
    conversational: bool | None = None,
    response: object = None,
    full_output: object = None,
    status_code: int = 0,
    status_message: str | None = None,
    metadata: Mapping[str, object] | None = None,
    steps: Iterable[StepInput] = (),
    tool_calls: Iterable[ToolCallInput] = (),
    agent: str | None = None,
    user_id: str | None = None,
    org_id: str | None = None,
    tags: Sequence[str] | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> str:
    """Record a finished run with its steps and tool calls.

    Args:
        prompt: Text, messages, or a mapping with `user_prompt` and maybe `system_prompt` and `full_input`.
        start_time: A `datetime` (naive ones are local time), ISO 8601 text, or seconds since the epoch.
        end_time: Likewise.
        run_id: Its id; by default a random UUID.
        session_id: As for `run`.
        conversational: As for `run`.
        response: The final response.
        full_output: The raw output, verbatim.
        status_code: 0 = success, 1 = partial success, 2 = error.
        status_message: What went wrong.
        metadata: Key-value pairs.
        steps: Its steps, each a mapping with the arguments of `send_step`.
        tool_calls: Its tool calls, each a mapping with the arguments of `send_tool_call`.
        agent: As for `run`.
        user_id: As for `run`.
        org_id: As for `run`.
        tags: As for `run`.
        api_key: As for `run`.
        tcc_url: As for `run`.

    Returns:
        The run id, for feedback.

    Raises:
        IncompleteError: (a `ValueError`) a step or tool call lacks something required. Nothing is recorded then.
        TypeError: a step or tool call has a field there is none of. Nothing is recorded then.
    """
    nested_steps = [_checked(f"steps[{i}]", each, StepInput) for i, each in enumerate(steps)]
    nested_calls = [_checked(f"tool_calls[{i}]", each, ToolCallInput) for i, each in enumerate(tool_calls)]
    _check_fields("", metadata=metadata)
    run = Run(
        run_id,
        session_id,
        conversational,
        api_key,
        tcc_url,
        agent=agent,
        user_id=user_id,
        org_id=org_id,
        tags=tags,
        metadata=metadata,
        start_time=start_time,
        timeout=0,
    )
    run.prompt(prompt).status(status_code, status_message)
    if response is not None or full_output is not None:
        run.response("" if response is None else response, full_output=full_output)
    for each in nested_steps:
        _record_step(Step(run.run_id, each.pop("step_id", None), parent=run, start_time=each.pop("start_time")), **each)
    for each in nested_calls:
        call_id, name, start = each.pop("tool_call_id", None), each.pop("name"), each.pop("start_time")
        _record_tool_call(ToolCall(run.run_id, call_id, name, parent=run, start_time=start), **each)
    run.end_time(end_time).end()
    return run.run_id


def send_step(
    *,
    run_id: str,
    prompt: object,
    response: object,
    start_time: Time,
    end_time: Time,
    step_id: str | None = None,
    model: str | dict[str, str] | None = None,
    provider: str | None = None,
    tokens: TokenCounts | None = None,
    cost: float | None = None,
    finish_reason: str | None = None,
    response_id: str | None = None,
    tool_definitions: str | Sequence[object] | None = None,
    parameters: Mapping[str, Any] | None = None,
    status_code: int = 0,
    status_message: str | None = None,
    metadata: Mapping[str, object] | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> str:
    """Record a finished step of the run called `run_id`, which may be open, ended, or of another process.

    Args:
        run_id: The run it belongs to.
        prompt: As `Step.prompt` takes it.
        response: As `Step.response` takes it.
        start_time: A `datetime` (naive ones are local time), ISO 8601 text, or seconds since the epoch.
        end_time: Likewise.
        step_id: Its id; by default a random UUID.
        model: A name, or a mapping with `requested` and `used`.
        provider: As `Step.provider` takes it.
        tokens: A mapping with `uncached`, `cached`, `cache_write`, `completion` and `reasoning`.
        cost: US dollars.
        finish_reason: As `Step.finish_reason` takes it.
        response_id: As `Step.response_id` takes it.
        tool_definitions: As `Step.tool_definitions` takes them.
        parameters: A mapping with the arguments of `Step.parameters`.
        status_code: 0 = success, 1 = partial success, 2 = error.
        status_message: What went wrong.
        metadata: Key-value pairs.
        api_key: As for `step`.
        tcc_url: As for `step`.

    Returns:
        The step id.
    """
    _check_fields("", tokens=tokens, parameters=parameters, metadata=metadata)
    step = Step(run_id, step_id, api_key, tcc_url, start_time=start_time)
    _record_step(
        step,
        prompt=prompt,
        response=response,
        end_time=end_time,
        model=model,
        provider=provider,
        tokens=tokens,
        cost=cost,
        finish_reason=finish_reason,
        response_id=response_id,
        tool_definitions=tool_definitions,
        parameters=parameters,
        status_code=status_code,
        status_message=status_message,
        metadata=metadata,
    )
    return step.step_id


def send_tool_call(
    *,
    run_id: str,
    name: str,
    start_time: Time,
    end_time: Time,
    tool_call_id: str | None = None,
    args: object = None,
    result: object = None,
    status_code: int = 0,
    status_message: str | None = None,
    metadata: Mapping[str, object] | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> str:
    """Record a finished tool call of the run called `run_id`, which may be open, ended, or of another process.

    Args:
        run_id: The run it belongs to.
        name: The tool's name.
        start_time: A `datetime` (naive ones are local time), ISO 8601 text, or seconds since the epoch.
        end_time: Likewise.
        tool_call_id: Its id; by default a random UUID.
        args: As `ToolCall.args` takes them.
        result: As `ToolCall.result` takes it.
        status_code: 0 = success, 1 = partial success, 2 = error.
        status_message: What went wrong.
        metadata: Key-value pairs.
        api_key: As for `tool_call`.
        tcc_url: As for `tool_call`.

    Returns:
        The tool call id.
    """
    _check_fields("", metadata=metadata)
    call = ToolCall(run_id, tool_call_id, name, api_key, tcc_url, start_time=start_time)
    _record_tool_call(
        call,
        end_time=end_time,
        args=args,
        result=result,
        status_code=status_code,
        status_message=status_message,
        metadata=metadata,
    )
    return call.tool_call_id


def _record_step(
    step: Step,
    *,
    prompt: object,
    response: object,
    end_time: Time,
    model: str | dict[str, str] | None = None,
    provider: str | None = None,
    tokens: TokenCounts | None = None,
    cost: float | None = None,
    finish_reason: str | None = None,
    response_id: str | None = None,
    tool_definitions: str | Sequence[object] | None = None,
    parameters: Mapping[str, Any] | None = None,
    status_code: int = 0,
    status_message: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    step.prompt(prompt).response(response).model(model).tokens(**(tokens or {})).parameters(**(parameters or {}))
    if provider is not None:
        step.provider(provider)
    if cost is not None:
        step.cost(cost)
    if finish_reason is not None:
        step.finish_reason(finish_reason)
    if response_id is not None:
        step.response_id(response_id)
    if tool_definitions is not None:
        step.tool_definitions(tool_definitions)
    step.status(status_code, status_message).metadata(metadata).end_time(end_time).end()


def _record_tool_call(
    call: ToolCall,
    *,
    end_time: Time,
    args: object = None,
    result: object = None,
    status_code: int = 0,
    status_message: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    if args is not None:
        call.args(args)
    if result is not None:
        call.result(result)
    call.status(status_code, status_message).metadata(metadata).end_time(end_time).end()


# --- refused before anything is recorded -----------------------------------------------------------------------------

_KNOWN: Mapping[str, frozenset[str] | None] = {
    "tokens": TokenCounts.__optional_keys__,
    "parameters": frozenset(Step.parameters.__kwdefaults__ or ()),
    "metadata": None,
}
"""The fields that hold mappings, and the keys these may have; `None`: any."""


def _checked(place: str, given: object, shape: Any) -> dict[str, Any]:
    """A copy of a nested mapping, refused when `shape`, a TypedDict, does not fit."""
    fields = dict(_as_mapping(place, given))
    missing = sorted(shape.__required_keys__ - fields.keys())
    if missing:
        raise IncompleteError(f"`{place}` needs `{missing[0]}`.")
    if shape is ToolCallInput and not as_text(fields["name"]):
        raise IncompleteError(f"`{place}` needs a `name`.")
    _refuse_unknown(place, fields, shape.__required_keys__ | shape.__optional_keys__)
    _check_fields(f"{place}.", **fields)
    return fields


def _check_fields(prefix: str, **fields: object) -> None:
    for name, value in fields.items():
        if name not in _KNOWN or value is None:
            continue
        known, mapping = _KNOWN[name], _as_mapping(f"{prefix}{name}", value)
        if known is not None:
            _refuse_unknown(f"{prefix}{name}", mapping, known)


def _as_mapping(place: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(f"`{place}` must be a mapping, got {type(given).__name__}.")
    return given


def _refuse_unknown(place: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise TypeError(f"`{place}` has no field {unknown[0]!r}.")
