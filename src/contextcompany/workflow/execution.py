"""How a step is executed and recorded: as a flow that asks for calls (`flow.py`), the same for both worlds."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from contextcompany._step import Step as Recorded
from contextcompany._tool_call import ToolCall
from contextcompany.workflow.asking import Request, is_stream, piece_of, text_of
from contextcompany.workflow.config import ModelConfig, ToolCallDecision
from contextcompany.workflow.errors import StepError, StepTimeoutError, StepValidationError
from contextcompany.workflow.flow import END, Call, Piece, next_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.workflow.agent import Agent
    from contextcompany.workflow.flow import Flow
    from contextcompany.workflow.step import Step
    from contextcompany.workflow.tools import Tool

__all__ = ["execute"]


def execute(agent: Agent, step: Step, arguments: tuple[Any, ...], *, streams: bool = False) -> Flow:
    """Execute a step with these arguments; the flow returns its result, which is also in the agent's context.

    Args:
        agent: Whose step it is.
        step: What to execute.
        arguments: For its function, after the agent.
        streams: Whether the answer is given in pieces as it comes.
    """
    if not step.config.enabled:
        return None
    if not step.send_to_llm:
        result = yield from _locally(agent, step, arguments)
    else:
        prompt = yield Call(partial(step.func, agent, *arguments), step.config.timeout)
        if not isinstance(prompt, str):
            raise StepError(f"Step '{step.name}' must return its prompt as text, got {type(prompt).__name__}.")
        if step.use_tools:
            prompt = yield from _with_tools(agent, step, prompt)
        result = yield from _answered(agent, step, prompt, streams=streams)
    agent.context.set_step_result(step.name, result)
    return result


def _locally(agent: Agent, step: Step, arguments: tuple[Any, ...]) -> Flow:
    """A step that asks no model is recorded as the call of a function, which it is."""
    with ToolCall(tool_name=step.name) as call:
        call.declared(step.name, step.step_type.name.lower()).args(arguments[0] if len(arguments) == 1 else arguments)
        if step.description:
            call.description(step.description)
        with _Timed(step):
            result = yield Call(partial(step.func, agent, *arguments), step.config.timeout)
        call.result(result)
    return result


# --- asking ----------------------------------------------------------------------------------------------------------


def _answered(agent: Agent, step: Step, prompt: str, *, streams: bool) -> Flow:
    """What the model answers, asked again where that is configured; each time is a step of the run."""
    model = step.llm_config or agent.default_model
    request = _request(agent, step, model, prompt, streams=streams)
    left = step.config.retry_count if step.config.use_internal_retry else 0
    while True:
        said: list[str] = []
        try:
            return (yield from _attempt(agent, step, request, said))
        except StepValidationError as error:
            if not left:
                raise
            request = request._replace(messages=[*request.messages, *_corrected(said[-1], error)])
        except Exception:
            if not left or said:  # pieces that somebody has read cannot be taken back
                raise
        left -= 1


def _request(agent: Agent, step: Step, model: ModelConfig, prompt: str, *, streams: bool) -> Request:
    parameters = {**agent.default_parameters, **model.get_parameters()}
    system = parameters.pop("system_prompt", None)
    as_json = step.json_output or model.json_output
    for name in ("return_full_response", "stream", "json_output"):
        parameters.pop(name, None)
    if streams:
        parameters["stream"] = True
    if as_json:
        parameters["response_format"] = {"type": "json_object"}
    told = [system] * bool(system)
    if as_json and step.return_type is not None:
        told.append(f"Answer with one JSON object of this schema: {json.dumps(step.return_type.model_json_schema())}")
    messages = [{"role": "system", "content": "\n\n".join(told)}] * bool(told)
    return Request(model.name, [*messages, {"role": "user", "content": prompt}], parameters)


def _attempt(agent: Agent, step: Step, request: Request, said: list[str]) -> Flow:
    """Ask once; what was said is put into `said` also where it is not valid."""
    with _recorded(step, request) as recorded, _Timed(step):
        answer = yield from _asked(agent, step, request)
        if is_stream(answer):
            pieces = _pieces(agent, step, recorded.stream(answer))
            return (yield from _read(step, pieces, said, gives="stream" in request.parameters))
        recorded.response(answer)
        said.append(text_of(answer))
        if step.return_full_response:
            return answer
        return _valid(step, said[-1])


def _asked(agent: Agent, step: Step, request: Request) -> Flow:
    ask = partial(agent.client.ask, **request.keywords())
    return (yield Call(ask, step.config.timeout, blocks=not agent.client.is_async))


def _pieces(agent: Agent, step: Step, chunks: Any) -> Iterator[Call]:
    """The calls that read a streamed answer, without end."""
    is_async = agent.client.is_async
    while True:
        yield Call(partial(next_of, chunks, is_async=is_async), step.config.timeout, blocks=not is_async)


def _read(step: Step, calls: Iterator[Call], said: list[str], *, gives: bool) -> Flow:
    """Read a streamed answer, and give its pieces."""
    for call in calls:
        chunk = yield call
        if chunk is END:
            break
        if text := piece_of(chunk):
            said.append(text)
            if gives:
                yield Piece(text)
    return _valid(step, "".join(said))


def _recorded(step: Step, request: Request) -> Recorded:
    recorded = Recorded(model=request.model).declared(step.name, step.step_type.name.lower())
    return recorded.prompt(request.keywords())


class _Timed:
    """Says of a time-out which step it was of."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError) and self._step.config.timeout is not None:
            raise StepTimeoutError(
                f"Step '{self._step.name}' took longer than its {self._step.config.timeout:g} s."
            ) from error


def _valid(step: Step, text: str) -> Any:
    """The result that a text is.

    Raises:
        StepValidationError: it is not what `return_type` says.
    """
    if not step.json_output:
        return text
    if step.return_type is None:
        return _parsed(step, text)
    try:
        return step.return_type.model_validate_json(text)
    except ValueError as error:  # Pydantic's is one
        raise StepValidationError(
            f"Step '{step.name}' got no valid {step.return_type.__name__}: {_problems(error)}."
        ) from error


def _parsed(step: Step, text: str) -> Any:
    try:
        json.loads(text)
    except ValueError as error:
        raise StepValidationError(f"Step '{step.name}' got no JSON: {error}.") from error
    return text


def _problems(error: ValueError) -> str:
    listed = getattr(error, "errors", None)
    if listed is None:
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {each['msg'][:1].lower()}{each['msg'][1:]}"
        for each in listed()
    )


def _corrected(said: str, error: StepValidationError) -> Iterator[dict[str, str]]:
    yield {"role": "assistant", "content": said}
    yield {"role": "user", "content": f"That was not valid. {error} Answer again, and mend that."}


# --- tools -----------------------------------------------------------------------------------------------------------


def _with_tools(agent: Agent, step: Step, prompt: str) -> Flow:
    """The prompt, with the results of the tools that the model chose."""
    tools = {each.name: each for each in agent.get_tools(step.step_type)}
    if not tools:
        return prompt
    decisions, asked = yield from _chosen(agent, step, prompt, tools)
    for decision in decisions:
        if decision.error is None:
            yield from _call(asked, tools[decision.tool_name], decision, step)
    agent.decided(replace(step, tool_decisions=decisions))
    told = [f"{each.tool_name}: {each.error or each.result}" for each in decisions]
    return f"{prompt}\n\nResults of tools:\n" + "\n".join(told) if told else prompt


def _chosen(agent: Agent, step: Step, prompt: str, tools: dict[str, Tool]) -> Flow:
    """What the model decides; asking it is a step of its own. An answer that cannot be read chooses nothing."""
    config = step.tool_selection_config or agent.tool_selection_config
    model = (step.tool_model or agent.tool_model).merge(json_output=True, stream=False)
    told = "\n".join(map(str, tools.values()))
    known = json.dumps(agent.context.state, default=str)
    question = config.prompt_template.format(task=prompt, context=known, tool_descriptions=told)
    plain = replace(step, json_output=False, return_type=None, stream=False)
    request = _request(agent, plain, model.merge(temperature=model.temperature or 0.0), question, streams=False)
    with _recorded(replace(plain, name=f"{step.name}_tools"), request) as asked, _Timed(step):
        answer = yield from _asked(agent, step, request)
        asked.response(answer)
        try:
            calls = json.loads(text_of(answer))["tool_calls"]
            decisions = [_decision(each, tools) for each in calls]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            asked.status(1, f"The model's choice of tools cannot be read: {error}")
            return [], asked
    sure = [each for each in decisions if each.confidence >= config.confidence_threshold]
    return sure[: config.max_tools_per_step], asked


def _decision(said: dict[str, Any], tools: dict[str, Tool]) -> ToolCallDecision:
    name, arguments = said["tool_name"], said.get("arguments") or {}
    made = ToolCallDecision(name, arguments, float(said.get("confidence", 0)), str(said.get("reasoning", "")))
    made.error = tools[name].problem_with(arguments) if name in tools else f"There is no tool {name!r}."
    return made


def _call(asked: Recorded, tool: Tool, decision: ToolCallDecision, step: Step) -> Flow:
    """Call a tool. What it raises is its result, which the model is told."""
    try:
        with asked.tool_call(tool.name) as call, _Timed(step):
            call.args(decision.arguments).description(tool.description)
            decision.result = yield Call(partial(tool.func, **decision.arguments), step.config.timeout)
            call.result(decision.result)
    except Exception as error:  # noqa: BLE001 - a tool may raise anything
        decision.error = f"{type(error).__name__}: {error}"
