"""`@agent`, `@llm` and `@tool`: what is recorded of a call, and that the function stays what it is."""

import asyncio
import contextlib
import functools
import gc
import inspect
import logging
import pickle
import sys
import time
import types
import warnings
import weakref
from contextlib import ExitStack

import pytest
from opentelemetry import trace

import contextcompany as tcc
from contextcompany.testing import capture


@pytest.fixture
def captured():
    with capture() as memory:
        yield memory


@pytest.fixture(autouse=True)
def no_log_noise(caplog):
    """Nothing below may make OpenTelemetry, asyncio or us log anything, unless a test expects it and clears it."""
    caplog.set_level(logging.INFO)
    yield
    assert caplog.messages == []


class TestArguments:
    def test_an_agent(self, captured):
        """The first argument is the prompt, the returned value the response; the name is the function's."""

        @tcc.agent
        def support(question):
            return f"About {question}."

        assert support("shoes") == "About shoes."
        run = captured.run
        assert (run.agent, run.prompt, run.response, run.full_input) == ("support", "shoes", "About shoes.", None)

    def test_all_arguments_of_an_agent_are_kept(self, captured):
        """Beside the prompt, all arguments are the raw input."""

        @tcc.agent
        def support(question, *tags, user="nobody", **more):
            return None

        support("shoes", "a", "b", user="u", x=1)

        assert captured.run.prompt == "shoes"
        assert captured.run.full_input == '{"question":"shoes","tags":["a","b"],"user":"u","x":1}'
        assert captured.run.response is None

    def test_a_step(self, captured):
        """Messages in, a whole response out."""

        @tcc.llm(model="gpt-4o", provider="azure.ai.openai")
        def ask(messages):
            tcc.current_step().tokens(uncached=3, completion=2)
            return {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}]}

        with tcc.run():
            ask([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])

        [step] = captured.steps
        assert [message["role"] for message in step.prompt] == ["system", "user"]
        assert (step.response, step.finish_reason, step.tokens.input) == ("Hi", "length", 3)
        assert (step.model_requested, step.provider) == ("gpt-4o", "azure.ai.openai")

    def test_a_tool(self, captured):
        """Arguments go by the names of their parameters; the docstring's first paragraph describes the tool."""

        @tcc.tool
        def search(query, limit=5, *rest, deep=False, **more):
            """Searches
            the web.

            Slowly.
            """
            return {"hits": limit}

        with tcc.run():
            search("shoes", 2, 3, deep=True, lang="en")

        [call] = captured.tool_calls
        assert (call.name, call.description) == ("search", "Searches the web.")
        assert call.args == {"query": "shoes", "limit": 2, "rest": [3], "deep": True, "lang": "en"}
        assert call.result == {"hits": 2}

    def test_names_and_descriptions_can_be_given(self, captured):
        """What the decorator is told wins over what the function says."""
        search = tcc.tool(name="T", description="D")(lambda: 1)
        tcc.agent(name="A", tags=["t"], metadata={"k": 1})(lambda q: search())("q")

        assert (captured.run.agent, captured.run.tags, captured.run.metadata) == ("A", ("t",), {"k": 1})
        [call] = captured.tool_calls
        assert (call.name, call.description, call.args, call.result) == ("T", "D", {}, 1)

    @pytest.mark.parametrize(
        ("arguments", "keywords", "expected"),
        [(("a", "b"), {}, "b"), (("a",), {"messages": "c"}, "c"), (("a",), {}, "default")],
    )
    def test_which_argument_is_the_prompt(self, captured, arguments, keywords, expected):
        """It is found by position, by keyword, or by its default."""

        @tcc.agent(prompt="messages")
        def support(session, messages="default"):
            return None

        support(*arguments, **keywords)

        assert captured.run.prompt == expected

    def test_what_is_ignored_is_not_recorded(self, captured):
        """Neither as prompt nor as argument nor as result."""

        @tcc.tool(ignore=["db", "return"])
        def query(db, sql):
            return "secret"

        @tcc.agent(ignore="question")
        def support(question, user):
            return query("postgres://", "select 1")

        support("shoes", "u")

        [call] = captured.tool_calls
        assert (call.args, call.result) == ({"sql": "select 1"}, None)
        assert (captured.run.prompt, captured.run.response) == (None, "secret")

    def test_values_are_recorded_as_they_are_told(self, captured):
        """`to_text` makes what is recorded of arguments, returned values and whole streams; the caller gets its own."""

        @tcc.tool(to_text=str.upper)
        def search(query):
            return "found"

        @tcc.llm(to_text=lambda value: f"<{value}>")
        def ask(question):
            yield "a"
            yield "b"

        with tcc.run():
            assert search("shoes") == "found"
            assert list(ask("q")) == ["a", "b"]

        assert (captured.tool_calls[0].args, captured.tool_calls[0].result) == ({"query": "SHOES"}, "FOUND")
        assert (captured.steps[0].prompt, captured.steps[0].response) == ("<q>", "<ab>")

    def test_a_to_text_that_raises_costs_its_value_only(self, captured, caplog):
        """The function goes on, the other values are there, and it is said and counted."""

        @tcc.tool(to_text=lambda value: value.upper())
        def search(query, limit):
            return "found"

        with tcc.run():
            assert search("shoes", 3) == "found"

        assert (captured.tool_calls[0].args, captured.tool_calls[0].result) == ({"query": "SHOES"}, "FOUND")
        assert tcc.stats() == {"bad_value": 1}
        assert "a value of type int is not recorded" in caplog.text
        caplog.clear()

    def test_arguments_are_read_before_the_call(self, captured):
        """What the function does to its arguments changes nothing that is recorded of them."""

        @tcc.llm
        def ask(messages):
            messages.append({"role": "assistant", "content": "Hi"})

        with tcc.run():
            ask([{"role": "user", "content": "Hello"}])

        assert captured.steps[0].prompt == "Hello"

    def test_what_is_told_inside_wins(self, captured):
        """A function that sets the response, or ends its own run, has the last word."""

        @tcc.agent
        def support(question):
            tcc.current_run().prompt("mine").response("mine").end()
            return "other"

        @tcc.tool
        def search():
            tcc.current_tool_call().result("mine")
            return "other"

        assert support("q") == "other"
        with tcc.run():
            search()

        assert (captured.runs[0].prompt, captured.runs[0].response) == ("mine", "mine")
        assert captured.tool_calls[0].result == "mine"

    def test_an_unknown_parameter_is_an_error_at_once(self):
        """A typo shows when the module is imported, not when the agent runs."""
        with pytest.raises(TypeError, match=r"`ask\(\)` has no parameter 'mesages' to record or ignore"):

            @tcc.llm(prompt="mesages")
            def ask(messages): ...

        with pytest.raises(TypeError, match="no parameter 'bd'"):
            tcc.tool(ignore=["bd"])(lambda db: db)

    @pytest.mark.parametrize("thing", ["text", int, 3])
    def test_what_is_no_function_is_an_error(self, thing):
        """Classes and values are refused."""
        with pytest.raises(TypeError, match="decorates functions"):
            tcc.tool(thing)


class TestKinds:
    def test_the_signature_survives(self):
        """Name, documentation, annotations, signature and kind are the function's."""

        @tcc.llm
        async def ask(messages: list[str], *, limit: int = 3) -> str:
            """Asks."""

        assert (ask.__name__, ask.__doc__, ask.__module__) == ("ask", "Asks.", __name__)
        assert str(inspect.signature(ask)) == "(messages: list[str], *, limit: int = 3) -> str"
        assert inspect.iscoroutinefunction(ask)
        assert inspect.isgeneratorfunction(tcc.agent(words))
        assert inspect.isasyncgenfunction(tcc.agent(async_words))

    def test_a_decorated_function_can_be_pickled(self):
        """By its name, as any function."""
        assert pickle.loads(pickle.dumps(decorated)) is decorated

    def test_methods_of_all_kinds(self, captured):
        """Neither `self` nor `cls` is recorded; the decorator may stand above or below `staticmethod`."""

        class Agent:
            @tcc.agent
            def answer(self, question):
                return self.look(question) + self.count(3) + Agent.fixed("s") + self.also("t")

            @tcc.tool
            def look(self, what):
                return what

            @tcc.tool
            @classmethod
            def count(cls, n):
                return str(n)

            @tcc.tool
            @staticmethod
            def fixed(text):
                return text

            @staticmethod
            @tcc.tool
            def also(text):
                return text

        assert Agent().answer("q") == "q3st"
        assert captured.run.prompt == "q"
        assert [call.args for call in captured.tool_calls] == [{"what": "q"}, {"n": 3}, {"text": "s"}, {"text": "t"}]

    def test_callables_of_other_kinds(self, captured):
        """Partials, callable objects, builtins and lambdas are recorded under the names they have."""

        class Search:
            def __call__(self, query):
                return query

        class AsyncSearch:
            async def __call__(self, query):
                return query

        with tcc.run():
            tcc.tool(functools.partial(words, 1))
            assert tcc.tool(functools.partial(int, base=2))("11") == 3
            assert tcc.tool(Search())("a") == "a"
            assert asyncio.run(tcc.tool(AsyncSearch())("b")) == "b"
            assert tcc.tool(len)([1]) == 1

        assert [(call.name, call.result) for call in captured.tool_calls] == [
            ("int", 3),
            ("Search", "a"),
            ("AsyncSearch", "b"),
            ("len", 1),
        ]

    @pytest.mark.parametrize("decorator", [tcc.agent, tcc.llm, tcc.tool])
    def test_a_call_that_does_not_fit_is_its_own_error(self, captured, decorator):
        """Wrong arguments raise what they always raise, and are recorded as the error of that call."""
        with tcc.run(), pytest.raises(TypeError, match="positional argument"):
            decorator(lambda a: a)(1, 2)

        assert captured.spans[0].attributes["error.type"] == "TypeError"


def words(question="q"):
    yield "Hel"
    yield "lo"
    return "done"


async def async_words(question="q"):
    yield "Hel"
    yield "lo"


@tcc.tool
def decorated(): ...


class Broken(Exception):  # noqa: N818 - what it is
    pass


def fails(question="q"):
    raise Broken("no")


async def async_value(question="q"):
    await asyncio.sleep(0)
    return "Hello"


async def async_fails(question="q"):
    await asyncio.sleep(0)
    raise Broken("no")


async def waits(question="q"):
    await asyncio.sleep(60)


def words_then_fails(question="q"):
    yield "Hel"
    raise Broken("no")


async def async_words_then_fails(question="q"):
    yield "Hel"
    raise Broken("no")


async def async_words_then_waits(question="q"):
    yield "Hel"
    await asyncio.sleep(60)


async def cancelled(awaitable):
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def collected_async(generator):
    return [item async for item in generator]


async def left_early(generator):
    async for _ in generator:
        break


def leave_early(generator):
    for _ in generator:
        break


def plain(function):
    """A plain function that returns what the other one makes."""

    def call(question):
        return function(question)

    return call


def runs(function):
    return lambda question: asyncio.run(function(question))


def raising(function):
    with pytest.raises(Broken):
        function("q")


def closed(generator):
    next(generator)
    generator.close()


def thrown_into(generator):
    next(generator)
    with pytest.raises(Broken):
        generator.throw(Broken("no"))


async def timed_out(awaitable):
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(awaitable, 0.01)


OK, PARTIAL, ERROR = 0, 1, 2

CASES = {
    "function": (lambda q: "Hello", lambda f: f("q"), OK, "Hello"),
    "function raises": (fails, raising, ERROR, None),
    "coroutine": (async_value, lambda f: asyncio.run(f("q")), OK, "Hello"),
    "coroutine raises": (async_fails, lambda f: raising(runs(f)), ERROR, None),
    "coroutine cancelled": (waits, lambda f: asyncio.run(cancelled(f("q"))), ERROR, None),
    "coroutine times out": (waits, lambda f: asyncio.run(timed_out(f("q"))), ERROR, None),
    "generator": (words, lambda f: list(f("q")), OK, "Hello"),
    "generator raises": (words_then_fails, lambda f: raising(lambda q: [*f(q)]), ERROR, "Hel"),
    "generator left": (words, lambda f: leave_early(f("q")), PARTIAL, "Hel"),
    "generator closed": (words, lambda f: closed(f("q")), PARTIAL, "Hel"),
    "generator thrown into": (words, lambda f: thrown_into(f("q")), ERROR, "Hel"),
    "async generator": (async_words, lambda f: asyncio.run(collected_async(f("q"))), OK, "Hello"),
    "async generator raises": (
        async_words_then_fails,
        lambda f: raising(lambda q: asyncio.run(collected_async(f(q)))),
        ERROR,
        "Hel",
    ),
    "async generator left": (async_words, lambda f: asyncio.run(left_early(f("q"))), PARTIAL, "Hel"),
    "async generator cancelled": (
        async_words_then_waits,
        lambda f: asyncio.run(cancelled(collected_async(f("q")))),
        ERROR,
        "Hel",
    ),
    "function that returns a generator": (plain(words), lambda f: list(f("q")), OK, "Hello"),
    "function that returns an async generator": (
        plain(async_words),
        lambda f: asyncio.run(collected_async(f("q"))),
        OK,
        "Hello",
    ),
    "function that returns a coroutine": (plain(async_value), lambda f: asyncio.run(f("q")), OK, "Hello"),
}


@pytest.mark.parametrize("decorator", [tcc.agent, tcc.llm, tcc.tool], ids=["agent", "llm", "tool"])
@pytest.mark.parametrize("case", CASES)
def test_every_construct_ends_as_it_should(receiver, decorator, case):
    """Construct × outcome: one span below what is current, with the status and the answer of what happened."""
    function, use, status, answer = CASES[case]
    tcc.configure(url=receiver.url)
    with tcc.run(agent="outer") as outer:
        outside = trace.get_current_span()
        use(decorator(function))
        gc.collect()
        assert trace.get_current_span() is outside

    assert tcc.flush(5)[1:] == (0, 0, {})
    span, parent = receiver.spans()
    assert (span.parent_id, parent.name) == (parent.span_id, "invoke_agent outer")
    assert (span.attributes["tcc.runId"] == outer.run_id) is (decorator is not tcc.agent)
    assert span.attributes["tcc.status.code"] == status
    assert (span.status[0] == "ERROR") is (status == ERROR)
    said = span.attributes.get("gen_ai.output.messages", span.attributes.get("gen_ai.tool.call.result", ""))
    assert (f'"{answer}"' in said or answer == said) if answer else not said
    assert ("gen_ai.response.time_to_first_chunk" in span.attributes) is (
        "generator" in case and decorator is not tcc.tool
    )
    assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns


class TestGenerators:
    def test_the_consumer_is_not_inside(self, captured):
        """Between two items the consumer's own run is current, and what it records is not below the generator's."""

        @tcc.agent(name="inner")
        def inner(question):
            tcc.tool_call(tool_name="in generator").end()
            yield tcc.current_run().run_id
            tcc.tool_call(tool_name="in generator again").end()
            yield tcc.current_run().run_id

        with tcc.run(agent="outer") as outer:
            seen = []
            for run_id in inner("q"):
                seen.append((run_id, tcc.current_run().run_id))
                tcc.tool_call(tool_name="in consumer").end()

        [outer_run] = captured.runs
        [inner_run] = outer_run.runs
        assert seen == [(inner_run.run_id, outer.run_id)] * 2
        assert [call.name for call in inner_run.tool_calls] == ["in generator", "in generator again"]
        assert [call.name for call in outer_run.tool_calls] == ["in consumer"] * 2

    def test_blocks_inside_stay_open_over_a_yield(self, captured):
        """A step's block around a yield is current again when the generator goes on, and only there."""

        @tcc.agent(name="inner")
        def inner(question):
            with tcc.step(model="m") as s:
                yield "a"
                assert tcc.current_step() is s
                tcc.tool_call(tool_name="t").end()
            assert tcc.current_step() is None
            yield "b"

        for _ in inner("q"):
            assert (tcc.current_run(), tcc.current_step()) == (None, None)

        [run] = captured.runs
        [step] = run.steps
        assert [call.name for call in step.tool_calls] == ["t"]

    def test_two_at_a_time(self, captured):
        """Generators that are iterated in turn do not see each other."""

        @tcc.agent
        def count(name):
            for n in range(3):
                with tcc.tool_call(tool_name=f"{name}{n}"):
                    yield tcc.current_run().run_id

        pairs = list(zip(count("a"), count("b"), strict=True))

        first, second = captured.runs
        assert pairs == [(first.run_id, second.run_id)] * 3
        assert [call.name for call in first.tool_calls] == ["a0", "a1", "a2"]

    def test_values_can_be_sent(self, captured):
        """`send`, `throw` and the returned value pass through, to generators of both kinds."""

        @tcc.tool
        def echo():
            got = yield "ready"
            try:
                yield got
            except Broken:
                yield "caught"
            return "done"

        @tcc.tool
        async def async_echo():
            got = yield "ready"
            try:
                yield got
            except Broken:
                yield "caught"

        def delegate():
            return (yield from echo())

        async def use_async():
            generator = async_echo()
            return [await anext(generator), await generator.asend("x"), await generator.athrow(Broken())]

        with tcc.run():
            generator = delegate()
            assert [next(generator), generator.send("x"), generator.throw(Broken())] == ["ready", "x", "caught"]
            with pytest.raises(StopIteration) as stopped:
                next(generator)
            assert asyncio.run(use_async()) == ["ready", "x", "caught"]

        assert stopped.value.value == "done"
        assert [call.result for call in captured.tool_calls] == ["readyxcaught"] * 2
        assert [call.status for call in captured.tool_calls] == [0, 1]

    def test_the_span_lasts_as_long_as_the_iteration(self, captured):
        """From the first item asked for, whatever the consumer does meanwhile, to the last; the first is timed."""

        @tcc.llm
        def ask(question):
            time.sleep(0.02)
            yield "a"
            yield "b"

        with tcc.run():
            for _ in ask("q"):
                time.sleep(0.02)

        [step] = captured.steps
        assert step.duration_s >= 0.06  # 0.02 in the generator and twice 0.02 in the consumer
        assert 0.02 <= step.time_to_first_chunk <= step.duration_s - 0.04
        assert step.parameters["stream"] is True

    def test_what_is_no_text_is_listed(self, captured):
        """The items of tools and agents that are not all text are a list; none at all is no result."""
        with tcc.run():
            list(tcc.tool(lambda: (n for n in ("a", {"b": 1})))())
            list(tcc.tool(lambda: (n for n in ()))())
            list(tcc.tool(lambda: (n for n in "ab"))())

        assert [call.result for call in captured.tool_calls] == [["a", {"b": 1}], None, "ab"]

    def test_an_abandoned_one_is_quiet(self, captured):
        """Left to the garbage collector, in the middle or before its start, it ends without a word."""

        async def leave():
            await anext(tcc.agent(async_words)("q"))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            next(tcc.agent(words)("q"))
            tcc.agent(words)("never started")
            gc.collect()
            asyncio.run(leave())
            gc.collect()

        assert [(run.response, run.status) for run in captured.runs] == [("Hel", 1), ("Hel", 1)]

    def test_a_generator_that_refuses_to_close_is_an_error(self, captured):
        """What `close()` raises is recorded and goes on."""

        @tcc.tool
        def stubborn():
            try:
                yield 1
            finally:
                raise Broken("in the way out")

        with tcc.run():
            generator = stubborn()
            next(generator)
            with pytest.raises(Broken):
                generator.close()

        assert captured.tool_calls[0].status_message == "in the way out"

    def test_iterators_of_other_kinds_pass_untouched(self, captured, caplog):
        """An iterator that is returned is not consumed for the record, and not recorded as what it is not."""

        @tcc.llm
        def ask(question):
            return iter(["a", "b"])

        with tcc.run():
            assert list(ask("q")) == ["a", "b"]

        assert captured.steps[0].response is None
        assert "`ask()` returned is yet to be iterated" in caplog.text
        caplog.clear()


def catching(log):
    """Catches everything thrown at it, and says what is being handled afterwards."""
    for n in range(3):
        try:
            log.append((yield n))
        except BaseException as error:  # noqa: BLE001 - on purpose
            log.append(repr(error))
        log.append(repr(sys.exc_info()[1]))
    return "done"


def closing(log):
    """Returns when it is closed."""
    try:
        yield 1
    except GeneratorExit:
        return "closed"


def raising_inside(log):
    """Raises another exception while it handles one."""
    try:
        yield 1
    except ValueError as error:
        log.append(error.__context__)
        raise KeyError("other") from error


THROWN = {
    "send": lambda generator: generator.send("sent"),
    "throw": lambda generator: generator.throw(ValueError("thrown")),
    "throw GeneratorExit": lambda generator: generator.throw(GeneratorExit()),
    "throw StopIteration": lambda generator: generator.throw(StopIteration("x")),
    "throw StopAsyncIteration": lambda generator: generator.throw(StopAsyncIteration()),
    "close": lambda generator: generator.close(),
}


def outcome(function, action):
    """All that a caller can see of a generator when something is done to it after its first item."""
    log = []
    generator = function(log)
    seen = [next(generator)]
    for step in (action, next, next):
        try:
            seen.append(step(generator))
        except BaseException as error:  # noqa: BLE001, PERF203 - all that is seen
            seen.append((repr(error), repr(error.__cause__), repr(error.__context__), getattr(error, "value", None)))
    return seen, log


@pytest.mark.parametrize("decorator", [tcc.agent, tcc.llm, tcc.tool], ids=["agent", "llm", "tool"])
@pytest.mark.parametrize("action", THROWN)
@pytest.mark.parametrize("function", [catching, closing, raising_inside])
def test_decorated_generators_behave_as_they_did(captured, function, action, decorator):
    """Items, exceptions with cause and context, returned values, and what the body sees are the same."""
    with tcc.run(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(decorator(function), THROWN[action]) == outcome(function, THROWN[action])


class Unhashable(type):
    """A class that cannot be hashed, and does not like to be asked."""

    def __eq__(cls, other):
        raise RuntimeError("no")

    __hash__ = None

    def __getattr__(cls, name):
        raise RuntimeError("no")


class Hostile(metaclass=Unhashable):
    def __repr__(self):
        return "hostile"


@pytest.mark.parametrize("decorator", [tcc.agent, tcc.llm, tcc.tool], ids=["agent", "llm", "tool"])
def test_values_that_cannot_be_examined(captured, decorator):
    """They pass, as arguments and as results; so they do through every setter."""
    hostile = Hostile()
    with tcc.run() as r:
        assert decorator(lambda value: value)(hostile) is hostile
        r.prompt(hostile).response(hostile).metadata(x=hostile).tags(hostile)
        r.step().prompt(hostile).response(hostile).model(hostile).tool_definitions(hostile).end()
        r.tool_call("t").args({"a": hostile}).result(hostile).end()
        with tcc.attributes(metadata={"a": hostile}):
            assert tcc.propagate(lambda: hostile)() is hostile

    assert captured.runs[0].prompt == '"hostile"'


class TestContext:
    def test_a_task_that_is_destroyed_elsewhere_leaves_no_trace(self, captured):
        """A coroutine that is collected while it waits changes nothing for whoever collects it."""

        @tcc.tool
        async def hang():
            await asyncio.Future()

        async def start():
            with tcc.run(agent="a"):
                task = asyncio.ensure_future(hang())
                await asyncio.sleep(0)
            task._log_destroy_pending = False
            return task

        loop = asyncio.new_event_loop()
        task = loop.run_until_complete(start())
        loop.close()
        with tcc.run(agent="b") as r, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            del task
            gc.collect()
            assert tcc.current_run() is r

        assert trace.get_current_span() is trace.INVALID_SPAN

    def test_a_generator_that_outlives_its_loop_is_closed_once(self, captured):
        """Asyncio closes the generators that are left, each of them once, and logs nothing."""
        kept, closed = [], []

        @tcc.tool
        async def generate():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                closed.append(True)

        async def main():
            with tcc.run():
                kept.append(generate())
                async for _ in kept[0]:
                    break

        asyncio.run(main())
        assert closed == [True]
        assert sys.get_asyncgen_hooks() == (None, None)

    def test_a_block_may_end_in_a_function(self, captured):
        """What a decorated function ends of its caller's is not current after it."""
        stack = ExitStack()
        stack.enter_context(tcc.run(agent="one"))
        tcc.tool(stack.close)()
        tcc.run(agent="two").prompt("p").end()

        assert [run.agent for run in captured.runs] == ["one", "two"]

    @pytest.mark.parametrize("function", [words, async_value, async_words])
    def test_what_is_returned_and_closed_before_its_start(self, captured, function):
        """A generator or coroutine that nobody starts ends its call quietly."""
        with tcc.run(), warnings.catch_warnings():
            warnings.simplefilter("error")
            returned = tcc.tool(plain(function))("q")
            if function is not async_words:
                returned.close()
            del returned
            gc.collect()
            [call] = captured.tool_calls

        assert (call.status, call.status_message) == (1, "Not iterated to the end.")

    def test_coroutines_made_of_generators(self, captured):
        """What `types.coroutine` made can be awaited."""

        @tcc.tool
        @types.coroutine
        def old():
            yield
            return "value"

        async def main():
            with tcc.run():
                return await old()

        assert asyncio.run(main()) == "value"
        assert captured.tool_calls[0].result == "value"

    def test_nothing_is_kept_alive(self, captured):
        """Arguments and items of a call are free when it has ended, without a garbage collection."""

        class Big:
            pass

        def end(generator):
            next(generator)
            with contextlib.suppress(Broken):
                generator.throw(Broken())

        gc.collect()
        gc.disable()
        try:
            for use in (end, list, leave_early):
                big = Big()
                gone = weakref.ref(big)
                use(tcc.agent(ignore=["thing"])(holding)(big))
                del big
                assert gone() is None
        finally:
            gc.enable()


def holding(thing):
    yield "a"
    yield "b"


class TestNesting:
    def test_functions_call_each_other(self, captured):
        """Steps and tools belong to the agent that called them; an agent in an agent is its child."""

        @tcc.tool
        def look_up(word):
            return word

        @tcc.llm(model="m")
        async def ask(question):
            return look_up(question)

        @tcc.agent
        async def specialist(question):
            return await ask(question)

        @tcc.agent
        async def router(question):
            return await asyncio.gather(specialist("a"), specialist("b"))

        assert asyncio.run(router("q")) == ["a", "b"]
        run = captured.run
        assert [inner.prompt for inner in run.runs] == ["a", "b"]
        assert [step.tool_calls[0].result for inner in run.runs for step in inner.steps] == ["a", "b"]

    def test_recursion(self, captured):
        """Each call of a recursive agent is a run in the run of its caller."""

        @tcc.agent
        def count(n):
            return count(n - 1) + 1 if n else 0

        assert count(3) == 3
        run, depth = captured.run, 0
        while run.runs:
            [run] = run.runs
            depth += 1
        assert depth == 3
