"""Steps: one request to an LLM and its response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from opentelemetry.trace import SpanKind

from contextcompany import _configure, _diagnostics, _mapping, _messages, _pricing, _providers
from contextcompany._content import as_float, as_int, as_text
from contextcompany._context import current_recording, with_taker
from contextcompany._data import Cost, Model, StepData, Tokens
from contextcompany._recording import Place, Recording, Time, place_for_child
from contextcompany._streams import Pieces
from contextcompany._tool_call import ToolCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence

    from opentelemetry.context import Context
    from typing_extensions import Self

    from contextcompany._context import RunContext
    from contextcompany._data import Call

__all__ = ["Step", "current_step", "step"]

ChunkT = TypeVar("ChunkT")


class Step(Recording[StepData]):
    """One request to an LLM and its response, recorded as a child span of its run.

    Args:
        run_id: The run it belongs to, in this process or any other; by default the current one.
        step_id: Its own id; by default a random UUID.
        api_key: Sends this step, and what is in it, with this key.
        tcc_url: Sends this step, and what is in it, to this URL.
        model: The model that was asked for, when it is known at the start: samplers see it.
        provider: The GenAI provider, as `openai` or `aws.bedrock`; by default told from the model's name.
        parent: The run, step or tool call it is a child of; by default its run.
        start_time: When it started; by default now.
    """

    _noun: ClassVar[str] = "step"

    def __init__(
        self,
        run_id: str | None = None,
        step_id: str | None = None,
        api_key: str | None = None,
        tcc_url: str | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        parent: Place | None = None,
        start_time: Time | None = None,
    ) -> None:
        pipeline = _configure.pipeline()
        super().__init__(pipeline, StepData(step_id=as_text(step_id) or pipeline.new_id()))
        self._call: Call | None = None
        self._other_calls: tuple[Call, ...] = ()
        self._run, context, self._children = place_for_child(pipeline, run_id, parent, api_key, tcc_url)
        self._told_provider = None if provider is None else as_text(provider)
        self._pieces: Pieces | None = None
        if model is not None:
            self._data.model = Model(as_text(model))
        self._find_provider()
        self._start(context, SpanKind.CLIENT, _mapping.step_start_attributes, start_time)
        self._register()

    @property
    def step_id(self) -> str:
        """The id of this step."""
        return self._data.step_id

    def prompt(self, text: object) -> Self:
        """Set what was sent to the LLM. Required before `end()`.

        Takes text, a message list as Python values or as JSON text (OpenAI chat and Responses, Anthropic, Gemini,
        LangChain, GenAI shape), or a whole request body. The value is read now; changing it later changes nothing.

        Of a whole request, `model()`, `parameters()` and `tool_definitions()` need not be called: what they were not
        told, before or after, is taken from there.
        """
        self._check("prompt()")
        self._data.prompt = _messages.prompt(text)
        return self

    def response(self, text: object) -> Self:
        """Set what the LLM answered. Required before `end()`.

        Takes text, a message, or a whole response object of a common client library.

        Of a whole response, `model(used=…)`, `tokens()`, `finish_reason()` and `response_id()` need not be called: what
        they were not told, before or after, is taken from there. Counts of the input go together, as do those of the
        output.
        """
        self._check("response()")
        self._data.response = _messages.response(text)
        return self

    def model(self, requested: str | dict[str, str] | None = None, used: str | None = None) -> Self:
        """Set the model that was asked for and the one that answered: `model("gpt-4o")` is the one asked for."""
        self._check("model()")
        if isinstance(requested, dict):
            told = Model(dict.get(requested, "requested"), dict.get(requested, "used", used))
        else:
            told = Model(requested, used)
        before = self._data.model
        self._data.model = Model(
            before.requested if told.requested is None else as_text(told.requested),
            before.used if told.used is None else as_text(told.used),
        )
        return self

    def provider(self, name: str) -> Self:
        """Set the GenAI provider, as `openai` or `aws.bedrock`. By default it is told from the model's name."""
        self._check("provider()")
        self._told_provider = as_text(name)
        return self

    def tokens(
        self,
        prompt_uncached: int | None = None,
        prompt_cached: int | None = None,
        completion: int | None = None,
        *,
        uncached: int | None = None,
        cached: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> Self:
        """Set token counts. Calls add to each other; a later count of the same kind wins.

        Args:
            prompt_uncached: Input tokens that came from no cache.
            prompt_cached: Input tokens that were read from a cache.
            completion: Output tokens, reasoning included.
            uncached: The same as `prompt_uncached`.
            cached: The same as `prompt_cached`.
            cache_write: Input tokens that were written to a cache.
            reasoning: The part of the output tokens that was reasoning.
        """
        self._check("tokens()")
        before = self._data.tokens
        self._data.tokens = Tokens(
            _token_count(prompt_uncached if uncached is None else uncached, before.uncached),
            _token_count(prompt_cached if cached is None else cached, before.cached),
            _token_count(cache_write, before.cache_write),
            _token_count(completion, before.completion),
            _token_count(reasoning, before.reasoning),
        )
        return self

    def cost(self, real_total: float) -> Self:
        """Set what the call cost, in US dollars. Without it the cost is calculated from the model and the tokens."""
        self._check("cost()")
        total = as_float(real_total)
        if total is not None and total >= 0:
            self._data.cost = Cost(total)
        else:
            _diagnostics.refuse("cost()", "US dollars as a finite number from 0", real_total)
        return self

    def finish_reason(self, reason: str) -> Self:
        """Set why the LLM stopped, in the provider's word, as `stop`, `length` or `tool_calls`."""
        self._check("finish_reason()")
        self._data.finish_reason = as_text(reason)
        return self

    def response_id(self, response_id: str) -> Self:
        """Set the provider's id of the response."""
        self._check("response_id()")
        self._data.response_id = as_text(response_id)
        return self

    def tool_definitions(self, definitions: str | Sequence[object]) -> Self:
        """Set the tools that the LLM could call: text or a list, in the shape of OpenAI, Anthropic, Gemini or GenAI."""
        self._check("tool_definitions()")
        self._data.tool_definitions = _messages.tool_definitions(definitions)
        return self

    def parameters(
        self,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        frequency_penalty: float | None = None,
        presence_penalty: float | None = None,
        seed: int | None = None,
        choice_count: int | None = None,
        stop_sequences: Sequence[str] | None = None,
        stream: bool | None = None,
        output_type: str | None = None,
        reasoning_level: str | None = None,
        previous_response_id: str | None = None,
    ) -> Self:
        """Set parameters of the request, under the names of the GenAI conventions. Calls add up."""
        told = {name: value for name, value in locals().items() if name != "self" and value is not None}
        self._check("parameters()")
        # A copy of the list: changing it later changes nothing.
        self._data.parameters.update({k: list.copy(v) if issubclass(type(v), list) else v for k, v in told.items()})
        return self

    def tool_call(
        self, tool_name: str | None = None, tool_call_id: str | None = None, *, start_time: Time | None = None
    ) -> ToolCall:
        """Start a tool call that this step asked for: its child. It may end after the step."""
        return ToolCall(self.run_id, tool_call_id, tool_name, parent=self, start_time=start_time)

    def first_token(self) -> Self:
        """Note that the first piece of a streamed answer has just come. The first call counts; `stream()` makes it."""
        self._check("first_token()")
        self._first_piece()
        return self

    @overload
    def stream(self, chunks: AsyncIterable[ChunkT]) -> AsyncIterator[ChunkT]: ...
    @overload
    def stream(self, chunks: Iterable[ChunkT]) -> Iterator[ChunkT]: ...
    def stream(self, chunks: Any) -> Any:
        """Iterate over a streamed answer and record it on the way: `for chunk in s.stream(client.create(…)): …`.

        Takes text, or the chunks and events of OpenAI's, Anthropic's, Gemini's and LangChain's clients, and gives them
        unchanged. They are put together to the response – unless `response()` is called – and the time until the first
        one is recorded. The step does not end with it; if it ends earlier, what came by then is the response.
        """
        self._check("stream()")
        pieces = self._pieces = Pieces()
        kind = type(getattr(chunks, "__wrapped__", chunks))  # instrumentation wraps streams in what has both
        if not hasattr(kind, "__aiter__"):
            return self._stream(pieces, chunks)
        if not hasattr(kind, "__iter__"):
            return self._stream_async(pieces, chunks)
        return _Either(self._stream(pieces, chunks), self._stream_async(pieces, chunks))

    def _stream(self, pieces: Pieces, chunks: Iterable[Any]) -> Iterator[Any]:
        for chunk in chunks:
            self._first_piece()
            pieces.add(chunk)
            yield chunk

    async def _stream_async(self, pieces: Pieces, chunks: AsyncIterable[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            self._first_piece()
            pieces.add(chunk)
            yield chunk

    def _first_piece(self) -> None:
        super()._first_piece()
        self._data.parameters.setdefault("stream", True)

    def _answer(self, value: object) -> None:
        if self._ended is None and self._data.response is None and value is not None:
            self._data.response = _messages.response(value)

    def _take_pieces(self) -> None:
        """What was streamed is the response, unless that is set."""
        if self._data.response is None and self._pieces is not None and (whole := self._pieces.whole()) is not None:
            self._data.response = _messages.response(whole)

    def _in_block(self, context: Context) -> Context:
        return with_taker(_Calls(self), self._pipeline.now, context)

    def _before_end(self) -> None:
        super()._before_end()
        self._take_pieces()
        if self._call is not None:
            self._told_provider = self._told_provider or self._call.said.provider
            self._data.fill(self._call.said)

    def _missing(self) -> str | None:
        self._take_pieces()
        said = self._data if self._call is None else self._call.said
        if (self._data.prompt or said.prompt) is not None and (self._data.response or said.response) is not None:
            return None
        return (
            "A step needs both a prompt and a response before `end()`: call `prompt()` and `response()` first, "
            "or `error()` to record that it failed."
        )

    def _name(self) -> str:
        return _mapping.step_name(self._data)

    def _attributes(self) -> _mapping.Described:
        data = self._data
        self._take_pieces()
        for told in (data.prompt, data.response):
            if told is not None and told.said is not None:
                data.fill(told.said)
        self._find_provider()
        if data.cost is None:
            data.cost = _pricing.calculated_cost(data, self._start_ns)
        return self._describe(data)

    def _describe(self, data: StepData) -> _mapping.Described:
        return _mapping.step_attributes(data)

    def _without_content(self, data: StepData) -> None:
        data.prompt = data.response = data.tool_definitions = None

    def _find_provider(self) -> None:
        """The provider that was told, or else the one that the model's name tells."""
        model = self._data.model.requested or self._data.model.used
        guessed = None if model is None else _providers.provider_of(model)
        self._data.provider = self._told_provider or guessed


class _Either(Iterator[ChunkT], AsyncIterator[ChunkT]):
    """A stream that is iterated in one way or the other, as LiteLLM's are."""

    def __init__(self, one: Iterator[ChunkT], other: AsyncIterator[ChunkT]) -> None:
        self._one = one
        self._other = other

    def __next__(self) -> ChunkT:
        return next(self._one)

    async def __anext__(self) -> ChunkT:
        return await anext(self._other)


class _Calls:
    """What instrumented clients say of their calls in a step's block. See `_context.Taker`."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def take(self, call: Call) -> bool:
        step = self._step
        with step._ending:  # noqa: SLF001 - ours
            if step._ended is not None:  # noqa: SLF001 - ours
                return False
            step._call, is_taken = _joined(step._call, call)  # noqa: SLF001 - ours
            if not is_taken:
                is_taken = any(other.is_same_as(call) for other in step._other_calls)  # noqa: SLF001 - ours
            if not is_taken:
                step._other_calls += (call,)  # noqa: SLF001 - ours
        return is_taken

    def record(self, call: Call) -> None:
        if self.take(call):
            return
        other = Step(self._step.run_id, model=call.said.model.requested, parent=self, start_time=call.start_ns / 1e9)
        other._call = call  # noqa: SLF001 - ours
        other._end_ns = call.end_ns  # noqa: SLF001 - ours
        other._close("caller")  # noqa: SLF001 - ours

    def place_for_other(self) -> Context:
        # A step in a step stands for the same call, so another call goes beside this step; but not one that came too
        # late for it, a stream that was read after the block.
        step = self._step
        return step._inside if step._call is None else step._outside  # noqa: SLF001 - ours

    # As the place of a step, see `_recording.Place`.

    _noun: ClassVar[str] = "step"

    @property
    def _run(self) -> RunContext:
        return self._step._run  # noqa: SLF001 - ours

    @property
    def _inside(self) -> Context:
        return self.place_for_other()

    @property
    def _children(self) -> dict[int, Recording[Any]] | None:
        return self._step._children  # noqa: SLF001 - ours


def _joined(taken: Call | None, call: Call) -> tuple[Call, bool]:
    """What a step knows of its call once it was told of `call`, and whether that is the same one."""
    if taken is None or not taken.has_answer:  # a failed attempt gives way to the next one
        return call, True
    if not taken.is_same_as(call):
        return taken, False
    taken.said.fill(call.said)
    start_ns, end_ns = min(taken.start_ns, call.start_ns), max(taken.end_ns, call.end_ns)
    return taken._replace(start_ns=start_ns, end_ns=end_ns), True


step = Step
"""Start a step: `step(run_id=r.run_id)`. The same as the class."""


def current_step() -> Step | None:
    """The step that is current here: the one whose `with` block this is in."""
    recording = current_recording()
    return recording if isinstance(recording, Step) else None


def _token_count(value: object, before: int | None) -> int | None:
    """The count that was told, or else the one before."""
    if value is None:
        return before
    count = as_int(value)
    if count is not None and count >= 0:
        return count
    _diagnostics.refuse("tokens()", "whole numbers from 0", value)
    return before
