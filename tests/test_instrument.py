"""Switching installed instrumentors on and off: which are found, which are taken, what they get."""

import importlib.metadata
import logging
import os
import re
import sys
import warnings
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import contextcompany as tcc
from contextcompany import _instrument
from contextcompany.testing import capture
from programs import run_program

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"

INSTRUMENTOR = """
import os
{first}

class Instrumentor:
    is_instrumented_by_opentelemetry = {is_on}

    def instrument(self, *, tracer_provider, **others):
        {on}
        type(self).others = others
        type(self).capture = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
        type(self).tracer = tracer_provider.get_tracer({module!r}, "1.0")

    def uninstrument(self):
        {off}
        type(self).others = None

def call(**attributes):
    with Instrumentor.tracer.start_as_current_span("call", attributes=attributes):
        pass
"""

OFFICIAL = (
    "opentelemetry-instrumentation-genai-{}",
    "opentelemetry.instrumentation.genai.{}",
    "opentelemetry-util-genai>=1.3",
)
OPENLLMETRY = (
    "opentelemetry-instrumentation-{}",
    "opentelemetry.instrumentation.{}",
    "opentelemetry-semantic-conventions-ai (<0.6,>=0.5)",
)
OPENINFERENCE = (
    "openinference-instrumentation-{}",
    "openinference.instrumentation.{}",
    "openinference-instrumentation>=0.1",
)
HTTP = ("opentelemetry-instrumentation-{}", "opentelemetry.instrumentation.{}", "opentelemetry-util-http==0.66b0")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs packages with instrumentors of a library, instead of all that are really there."""

    def find(*, group):
        for distribution in importlib.metadata.distributions(path=[str(tmp_path)]):
            yield from (entry for entry in distribution.entry_points if entry.group == group)

    monkeypatch.setattr(importlib.metadata, "entry_points", find)
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda entry: sys.modules[entry.module].Instrumentor)

    def install(library, kind, *, first="", on="", off="", is_on=False):
        package, module, requires = (text.format(library) for text in kind)
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nRequires-Dist: {requires}\n"
        )
        (info / "entry_points.txt").write_text(f"[opentelemetry_instrumentor]\n{library} = {module}:Instrumentor\n")
        loaded = type(sys)(module)
        source = INSTRUMENTOR.format(module=module, first=first, on=on or "pass", off=off or "pass", is_on=is_on)
        exec(source, loaded.__dict__)
        monkeypatch.setitem(sys.modules, module, loaded)
        return loaded

    yield install
    tcc.uninstrument()


def is_on(module):
    return getattr(module.Instrumentor, "others", None) is not None


class TestWhich:
    def test_all_that_are_about_llms(self, install):
        """Without names, each LLM library is switched on; HTTP and SQL instrumentors are left alone."""
        ours = [install("openai", OFFICIAL), install("agno", OPENINFERENCE), install("mcp", OPENLLMETRY)]
        others = [install("requests", HTTP), install("sqlite3", HTTP)]

        assert tcc.instrument() == ["agno", "mcp", "openai"]
        assert all(map(is_on, ours))
        assert not any(map(is_on, others))

    @pytest.mark.parametrize(
        ("installed", "taken"),
        [
            ((OPENINFERENCE, OPENLLMETRY, OFFICIAL), OFFICIAL),
            ((OPENINFERENCE, OPENLLMETRY), OPENLLMETRY),
            ((OPENINFERENCE,), OPENINFERENCE),
        ],
    )
    @pytest.mark.parametrize("names", [(), ("openai",), ("OpenAI",)])
    def test_one_for_each_library(self, install, installed, taken, names):
        """Official before OpenLLMetry before OpenInference."""
        modules = {kind: install("openai", kind) for kind in installed}

        assert tcc.instrument(*names) == ["openai"]
        assert [kind for kind, module in modules.items() if is_on(module)] == [taken]

    def test_a_package_by_name(self, install):
        """Whoever wants another one names its package, and may have both."""
        official, other = install("openai", OFFICIAL), install("openai", OPENINFERENCE)

        assert tcc.instrument("openinference-instrumentation-openai") == ["openai"]
        assert (is_on(official), is_on(other)) == (False, True)
        assert tcc.instrument() == ["openai"]
        assert not is_on(official)
        tcc.instrument("openai")
        assert is_on(official)

    @pytest.mark.parametrize(
        ("name", "advice"),
        [
            ("langchain", r"pip install 'contextcompany\[langchain\]'"),
            ("claude_agent_sdk", r"pip install 'contextcompany\[claude\]'"),
            ("mistral", "pip install opentelemetry-instrumentation-genai-mistral`. Installed are: openai"),
            ("requests", "No OpenTelemetry instrumentor for 'requests'"),
        ],
    )
    def test_what_is_not_installed(self, install, name, advice):
        """The error says what to install, and nothing was switched on."""
        module = install("openai", OFFICIAL)
        install("requests", HTTP)

        with pytest.raises(tcc.ConfigurationError, match=advice):
            tcc.instrument("openai", name)
        assert not is_on(module)

    def test_nothing_is_installed(self, install):
        """That is no error: there is nothing to switch on."""
        assert tcc.instrument() == []


class TestOnAndOff:
    def test_twice_is_once(self, install):
        """A second call changes nothing."""
        module = install("openai", OFFICIAL)
        tcc.instrument()
        tracer = module.Instrumentor.tracer

        assert tcc.instrument("openai") == tcc.instrument() == ["openai"]
        assert module.Instrumentor.tracer is tracer

    def test_some_are_switched_off_by_name(self, install):
        """By the name of the library or of the package; the others stay on."""
        modules = [install(name, OFFICIAL) for name in ("a", "b", "c")]
        tcc.instrument()

        assert tcc.uninstrument("a", "opentelemetry-instrumentation-genai-b") == ["c"]
        assert list(map(is_on, modules)) == [False, False, True]

    def test_one_that_fails_does_not_stop_the_others(self, install, caplog):
        """It is said, with the reason, and counted."""
        install("bad", OFFICIAL, on='raise ImportError("no module named bad")')
        install("good", OFFICIAL)

        assert tcc.instrument() == ["good"]
        assert "genai-bad could not be switched on: no module named bad" in caplog.text
        assert tcc.stats() == {"not_instrumented": 1}

    def test_one_that_cannot_be_switched_off(self, install, caplog):
        """It is said; what it records from then on goes nowhere."""
        module = install("openai", OFFICIAL, off='raise RuntimeError("stuck")')
        tcc.instrument()

        assert tcc.uninstrument() == []
        assert "could not be switched off: stuck" in caplog.text
        with capture() as captured, tcc.run():
            module.call()
        assert len(captured.spans) == 1

    def test_what_somebody_else_switched_on_stays_theirs(self, install, caplog):
        """It is neither changed, nor listed, nor switched off."""
        module = install("openai", OFFICIAL, is_on=True)

        assert tcc.instrument() == []
        assert "by somebody else" in caplog.text
        tcc.uninstrument()
        assert not hasattr(module.Instrumentor, "others")


class TestWhatTheyGet:
    def test_no_metrics_and_no_logs(self, install):
        """They get providers that record nothing, and never the program's global ones."""
        module = install("openai", OFFICIAL)
        tcc.instrument()

        assert isinstance(module.Instrumentor.others["meter_provider"], NoOpMeterProvider)
        assert module.Instrumentor.others["logger_provider"] is not None

    @pytest.mark.parametrize(("before", "seen"), [(None, "SPAN_ONLY"), ("", "SPAN_ONLY"), ("NO_CONTENT", "NO_CONTENT")])
    def test_content_is_captured_unless_the_user_says_otherwise(self, install, monkeypatch, before, seen):
        """The variable is set while the instrumentor starts and is then as it was."""
        variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
        if before is not None:
            monkeypatch.setenv(variable, before)
        module = install("openai", OFFICIAL)

        tcc.instrument()

        assert (module.Instrumentor.capture, os.environ.get(variable)) == (seen, before)

    def test_a_provider_of_the_callers(self, install):
        """Spans go through it, and nowhere else."""
        module, exporter = install("openai", OFFICIAL), InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tcc.instrument(tracer_provider=provider)

        with capture() as captured:
            module.call()

        assert [span.name for span in exporter.get_finished_spans()] == ["call"]
        assert captured.spans == []

    def test_the_configured_provider(self, install, receiver):
        """Whatever is configured when a span starts counts: ours, then the user's, which has the run's ids too."""
        module, exporter = install("openai", OFFICIAL), InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tcc.instrument()
        tcc.configure(url=receiver.url)
        with tcc.run():
            module.call()
        tcc.configure(tracer_provider=provider)
        with tcc.run(session_id="s-1") as r:
            module.call()

        tcc.flush(5)
        call, run = exporter.get_finished_spans()
        assert (call.parent.span_id, call.attributes["tcc.runId"]) == (run.context.span_id, r.run_id)
        assert sorted(span.name for span in receiver.spans()) == ["call", "invoke_agent"]

    def test_ids_in_a_deterministic_capture_are_counted(self, install):
        """So that whole runs compare; foreign spans have the same clock."""
        module = install("openai", OFFICIAL)
        tcc.instrument()
        runs = []
        for _ in range(2):
            with capture(deterministic=True) as captured:
                with tcc.run() as r:
                    r.prompt("p")
                    module.call(**{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3})
                runs.append(captured.run)

        assert runs[0] == runs[1]
        assert runs[0].steps[0].tokens.input == 3

    def test_the_global_provider_is_not_touched(self, install):
        """Neither set nor used."""
        install("openai", OFFICIAL)
        before = trace.get_tracer_provider()

        tcc.instrument()

        assert trace.get_tracer_provider() is before

    def test_outside_of_runs_spans_are_sent_too(self, install, receiver):
        """They belong to no run, and no run is made up."""
        module = install("openai", OFFICIAL)
        tcc.configure(url=receiver.url)
        tcc.instrument()

        module.call()

        tcc.flush(5)
        (span,) = receiver.spans()
        assert (span.name, span.parent_id, "tcc.runId" in span.attributes) == ("call", "", False)


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 14}


class TestCountedOnce:
    """What our processor makes of the spans of two instrumentations."""

    @pytest.fixture
    def tracers(self, install):
        """Of two instrumentations, inside a run whose steps are read afterwards."""
        framework, client = install("framework", OPENLLMETRY), install("client", OPENLLMETRY)
        tcc.instrument()
        return framework.Instrumentor.tracer, client.Instrumentor.tracer

    @pytest.mark.parametrize(
        ("inside", "counted"),
        [
            ({}, ["client"]),
            ({"gen_ai.response.id": "1"}, ["client"]),
            ({"gen_ai.response.id": "2"}, ["client", "framework"]),
            ({"gen_ai.usage.input_tokens": 15}, ["client", "framework"]),
        ],
    )
    def test_by_the_id_of_the_response_or_by_tokens_and_time(self, tracers, inside, counted):
        """The same id is the same call; without ids, the same tokens in a call that ran within the other."""
        outer = {**CHAT, "gen_ai.response.id": "1"} if "gen_ai.response.id" in inside else CHAT
        with capture() as captured, tcc.run(), tracers[0].start_as_current_span("framework", attributes=outer):
            tracers[1].start_span("client", attributes={**CHAT, **inside}).end()

        marked = {span.name: span.attributes.get("tcc.usage.counted_inside") for span in captured.spans}
        assert sorted(name for name in ("client", "framework") if not marked[name]) == counted

    def test_the_same_instrumentation_never_sees_a_call_twice(self, tracers):
        """Two equal calls at the same time are two."""
        with capture() as captured, tcc.run():
            first = tracers[1].start_span("first", attributes=CHAT)
            tracers[1].start_span("second", attributes=CHAT).end()
            first.end()

        assert [step.is_counted_inside for step in captured.steps] == [False, False]

    def test_a_span_with_a_parent_from_a_bare_context(self, tracers):
        """Some libraries make a context of nothing but the parent; the run is found by that."""
        with capture() as captured, tcc.run() as r:
            parent = tracers[0].start_span("agent")
            child = tracers[1].start_span("call", trace.set_span_in_context(parent, trace.Context()))
            child.end()
            parent.end()

        assert {span.attributes["tcc.runId"] for span in captured.spans} == {r.run_id}

    def test_a_cost_is_calculated_and_one_that_is_told_stays(self, tracers):
        """Foreign calls cost like steps."""
        with capture() as captured, tcc.run():
            tracers[1].start_span("a", attributes={**CHAT, "gen_ai.usage.output_tokens": 5}).end()
            tracers[1].start_span("b", attributes={**CHAT, "gen_ai.usage.cost": 1.25}).end()

        calculated, told = captured.steps
        assert (calculated.cost_source, told.cost_source, told.cost) == ("calculated", None, 1.25)
        assert calculated.cost > 0


def test_the_console_shows_foreign_calls_and_counts_each_once(install, capsys):
    """As steps of the run, with one total."""
    framework, client = install("framework", OPENLLMETRY), install("client", OPENLLMETRY)
    tcc.configure(console=True)
    tcc.instrument()

    with tcc.run(agent="a"), framework.Instrumentor.tracer.start_as_current_span("f", attributes=CHAT):
        client.call(**CHAT, **{"gen_ai.usage.output_tokens": 5})

    shown = capsys.readouterr().err
    assert "1 step · 14 → 5 tokens" in shown.replace(" · ~", " ~").splitlines()[0]


def test_helpers_say_what_to_install(install):
    """The names of the original SDK, and its errors that help."""
    from contextcompany.agno import instrument_agno
    from contextcompany.claude import instrument_claude_agent
    from contextcompany.crewai import instrument_crewai
    from contextcompany.langchain import instrument_langchain

    helpers = {"langchain": instrument_langchain, "agno": instrument_agno, "crewai": instrument_crewai}
    for extra, helper in {**helpers, "claude": instrument_claude_agent}.items():
        with pytest.raises(tcc.ConfigurationError, match=rf"contextcompany\[{extra}\]"):
            helper()

    modules = {name: install(name, OPENINFERENCE) for name in helpers}
    for name, helper in helpers.items():
        helper(api_key="key", tcc_url="https://observatory.example")
        assert is_on(modules[name])


def test_each_extra_that_brings_an_instrumentor_is_named():
    """What an error advises to install is there."""
    extras = re.findall(
        r'^(\w+) = \["open(?:telemetry|inference)-instrumentation[->]', PYPROJECT.read_text(), re.MULTILINE
    )

    assert tuple(extras) == _instrument._EXTRAS


def test_litellm_says_what_to_install():
    """Without LiteLLM the module cannot be imported, and says why."""
    program = """
        import sys
        sys.modules["litellm"] = None
        try:
            import contextcompany.litellm
        except ImportError as error:
            print(error)
    """

    assert "pip install 'contextcompany[litellm]'" in run_program(program).out


def test_a_forked_child_records_on(install, receiver):
    """What a child's instrumented calls record is sent by the child."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this platform")
    module = install("openai", OFFICIAL)
    tcc.configure(url=receiver.url)
    tcc.instrument()
    module.call()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        module.call()
        os._exit(tcc.flush(5).waiting)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    tcc.flush(5)
    assert [span.name for span in receiver.spans()] == ["call", "call"]


def test_no_step_pays_for_what_nobody_uses():
    """Without an instrumentor, steps import nothing of OpenTelemetry's GenAI utilities."""
    program = """
        import sys
        import contextcompany as tcc
        with tcc.run() as r, r.step():
            pass
        print([name for name in sys.modules if name.startswith("opentelemetry.util.genai")])
    """

    assert run_program(program, TCC_URL="http://127.0.0.1:9").out.strip() == "[]"


def test_nothing_is_said_when_all_is_well(install, caplog):
    """A library that is switched on is no news."""
    caplog.set_level(logging.INFO)
    install("openai", OFFICIAL)

    tcc.instrument()
    tcc.uninstrument()

    assert caplog.records == []
