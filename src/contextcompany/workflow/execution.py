"""How a step is executed and recorded: as a flow that asks for calls (`flow.py`), the same for both worlds."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from contextcompany._content import dumps
from contextcompany._step import Step as Recorded
from contextcompany._tool_call import ToolCall
from contextcompany.workflow.asking import Request, is_stream, piece_of, text_of
from contextcompany.workflow.config import ModelConfig, ToolCallDecision
from contextcompany.workflow.errors import StepError, StepTimeoutError, StepValidationError
from contextcompany.workflow.flow import END, Call, NeedsAwaitError, Piece, TooLongError, next_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contextcompany.workflow.agent import Agent
    from contextcompany.workflow.flow import Flow
    from contextcompany.workflow.step import Step
    from contextcompany.workflow.tools import Tool

__all__ = ["execute"]


def execute(
    agent: Agent, step: Step, function: Callable[[], Any], given: tuple[Any, ...], *, streams: bool = False
) -> Flow:
    """Execute a step; the flow returns its result, which is also in the agent's context.

    Args:
        agent: Who executes it.
        step: What to execute.
        function: The step's, with all its arguments.
        given: Those of them that are worth recording.
        streams: Whether the answer is given in pieces as it comes.
    """
    if not step.config.enabled:
        return None
    if not step.send_to_llm:
        result = yield from _locally(step, function, given)
    else:
        with _Timed(step):
            prompt = yield _of_function(function, step)
        if not isinstance(prompt, str):
            raise StepError(f"Step '{step.name}' must return its prompt as text, got {type(prompt).__name__}.")
        if step.use_tools:
            prompt = yield from _with_tools(agent, step, prompt)
        result = yield from _answered(agent, step, prompt, streams=streams)
    agent.context.set_step_result(step.name, result)
    return result


def _of_function(function: Callable[[], Any], step: Step) -> Call:
    """The call of a function of the user's. It is given up in time only where it is awaited, or on another thread."""
    timeout = step.config.timeout
    return Call(function, timeout, blocks=timeout is not None and not inspect.iscoroutinefunction(function))


def _locally(step: Step, function: Callable[[], Any], given: tuple[Any, ...]) -> Flow:
    """A step that asks no model is recorded as the call of a function, which it is."""
    with ToolCall(tool_name=step.name) as call:
        call.declared(step.name, step.step_type.name.lower()).args(given[0] if len(given) == 1 else given)
        if step.description:
            call.description(step.description)
        with _Timed(step):
            result = yield _of_function(function, step)
        call.result(result)
    return result


# --- asking ----------------------------------------------------------------------------------------------------------


def _answered(agent: Agent, step: Step, prompt: str, *, streams: bool) -> Flow:
    """What the model answers, asked again where that is configured; each time is a step of the run."""
    model = step.llm_config or agent.default_model
    request = _request(agent, step, model, prompt, streams=streams)
    said: list[str] = []

    def once() -> Flow:
        said.clear()
        return (yield from _attempt(agent, step, request, said))

    def may_repeat(error: Exception) -> bool:
        nonlocal request
        if isinstance(error, StepValidationError):
            request = request._replace(messages=[*request.messages, *_corrected("".join(said), error)])
            return True
        return not (said and streams)  # pieces that somebody has read cannot be taken back

    return (yield from _repeated(step, once, may_repeat))


def _repeated(step: Step, once: Callable[[], Flow], may_repeat: Callable[[Exception], bool] = lambda _: True) -> Flow:
    """What succeeds, tried again after an error as often as the step says."""
    left = step.config.retry_count if step.config.use_internal_retry else 0
    while True:
        try:
            return (yield from once())
        except Exception as error:
            if not left or not may_repeat(error):
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
            try:
                return (yield from _read(step, pieces, said, gives="stream" in request.parameters))
            except GeneratorExit:  # who reads it has left
                recorded._leave_partial("Not iterated to the end.")  # noqa: SLF001 - our own
                recorded._end_block(None)  # noqa: SLF001 - our own
                raise
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
        if isinstance(error, TooLongError):
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
    decisions, asked = yield from _repeated(step, lambda: _chosen(agent, step, prompt, tools))
    for decision in decisions:
        if decision.error is None:
            yield from _call(asked, tools[decision.tool_name], decision, step)
    agent._decided[step.name] = replace(step, tool_decisions=decisions)  # noqa: SLF001 - ours
    if decisions:
        agent.context.state["last_tool_decisions"] = [{**vars(each)} for each in decisions]
    told = [f"{each.tool_name}: {each.error or each.result}" for each in decisions]
    return f"{prompt}\n\nResults of tools:\n" + "\n".join(told) if told else prompt


def _chosen(agent: Agent, step: Step, prompt: str, tools: dict[str, Tool]) -> Flow:
    """What the model decides; asking it is a step of its own. An answer that cannot be read chooses nothing."""
    config = step.tool_selection_config or agent.tool_selection_config
    model = (step.tool_model or agent.tool_model).merge(json_output=True, stream=False)
    places = {
        "task": prompt,
        "context": dumps(agent.context.state),
        "tool_descriptions": "\n".join(map(str, tools.values())),
    }
    question = re.sub(rf"{{({'|'.join(places)})}}", lambda place: places[place[1]], config.prompt_template)
    plain = replace(step, json_output=False, return_type=None, stream=False)
    request = _request(agent, plain, model.merge(temperature=model.temperature or 0.0), question, streams=False)
    with _recorded(replace(plain, name=f"{step.name}_tools"), request) as asked, _Timed(step):
        answer = yield from _asked(agent, step, request)
        asked.response(answer)
        decisions = [*_decisions(asked, text_of(answer), tools)]
    sure = [each for each in decisions if each.confidence >= config.confidence_threshold]
    return sure[: config.max_tools_per_step], asked


def _decisions(asked: Recorded, said: str, tools: dict[str, Tool]) -> Iterator[ToolCallDecision]:
    """Those that can be read, and the step says that others cannot. Models like to put a fence around JSON."""
    try:
        calls = [*json.loads(said[said.index("{") : said.rindex("}") + 1])["tool_calls"]]
    except _UNREADABLE as error:
        asked.status(1, f"{_CANNOT_READ}: {error}")
        calls = []
    for call in calls:
        decision = _decision(asked, call, tools)
        if decision is not None:
            yield decision


def _decision(asked: Recorded, said: dict[str, Any], tools: dict[str, Tool]) -> ToolCallDecision | None:
    try:
        name, arguments = said["tool_name"], said.get("arguments") or {}
        made = ToolCallDecision(name, arguments, float(said.get("confidence", 0)), str(said.get("reasoning", "")))
        made.error = tools[name].problem_with(arguments) if name in tools else f"There is no tool {name!r}."
    except _UNREADABLE as error:
        asked.status(1, f"{_CANNOT_READ}: {error}")
        return None
    return made


_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
_CANNOT_READ: Final = "The model's choice of tools cannot be read"


def _call(asked: Recorded, tool: Tool, decision: ToolCallDecision, step: Step) -> Flow:
    """Call a tool. What it raises is its result, which the model is told."""
    try:
        with asked.tool_call(tool.name) as call, _Timed(step):
            call.args(decision.arguments).description(tool.description)
            decision.result = yield _of_function(partial(tool.func, **decision.arguments), step)
            call.result(decision.result)
    except NeedsAwaitError:
        raise
    except Exception as error:  # noqa: BLE001 - a tool may raise anything
        decision.error = f"{type(error).__name__}: {error}"
