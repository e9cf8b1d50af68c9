"""The JSON API is as its document says: what a real server answers to what can be asked by it."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spans import batch, feedback, log, messages, run, span, step, tool_call, trace_id

from conftest import Observatory
from contextcompany.observatory import openapi
from contextcompany.observatory.endpoints import ENDPOINTS
from contextcompany.observatory.store import Store

schemathesis = pytest.importorskip("schemathesis")
checking = pytest.importorskip("schemathesis.checks")
checking.load_all_checks()
DOCUMENT = json.loads(openapi.document())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
KEPT = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
]
"""What is checked. Not that what fits the document is accepted: it does not say what a filter is."""

REAL = {
    "run_id": ["run-1", trace_id(2), "nobody"],
    "span_id": [f"{number:016x}" for number in (1, 2, 3, 9)],
    "session_id": ["s/1", "nobody"],
    "a": ["run-1"],
    "b": [trace_id(2)],
    "tool": ["search"],
    "q": ["question", "wor*"],
    "runs": ["run-1", f"run-1,{trace_id(3)},nobody"],
    "filter": ["tool:search -status:ok", "cost>0.1 since:1h", '"the question" model:gpt*', "statsu:ok"],
    "since": ["1h", "2025-01-01"],
}
"""What is there, and what is not, by the names of parameters."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """An Observatory and its store."""
    with Store.open(tmp_path_factory.mktemp("api") / "observatory.db", read_limit_s=5) as store:
        started = Observatory(store=store)
        yield started, store
        started.close()


@pytest.fixture
def served(kept):
    """An Observatory with some of everything, also of what another test has deleted."""
    observatory, store = kept
    for number in range(1, 6):
        said = {"tcc__runId": f"run-{number}", "gen_ai__conversation__id": f"s/{number % 2}"}
        said |= {"gen_ai__input__messages": messages("the question"), "odd": float("nan"), "bytes": b"\xff"}
        call = {"gen_ai__tool__call__arguments": '{"deep": ' + "[" * 600 + "]" * 600 + "}"}
        asked = step(number, 2, gen_ai__usage__input_tokens=5, tcc__cost__total=0.1, events={"e": {"k": [1, None]}})
        failed = tool_call(number, 3, 2, status=(2, "no"), error__type="Timeout", **call)
        store.write(batch(run(number, end=None if number == 4 else 1, **said), asked, failed))
        store.write(batch(feedback(number, text="good"), log(number, 2, event="noted"), span(number, 9)))
    return observatory


def test_the_document_is_valid():
    """By OpenAPI's own schema."""
    SCHEMA.validate()

    assert DOCUMENT["openapi"].startswith("3.1")


def check_endpoint(served, endpoint, examples: int) -> None:
    """Ask it what the document lets one ask, and what it does not, and of what is there."""
    operation = SCHEMA[re.sub(r":\w+}", "}", endpoint.path)][endpoint.method]
    mode = schemathesis.GenerationMode
    modes = st.sampled_from([mode.POSITIVE, mode.POSITIVE, mode.NEGATIVE])
    cases = modes.flatmap(lambda each: operation.as_strategy(generation_mode=each))
    checks = checking.CHECKS.get_by_names(KEPT)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(case=cases, data=st.data())
    def ask(case, data):
        if data.draw(st.booleans()):
            for values in (case.path_parameters, case.query):
                values.update({name: data.draw(st.sampled_from(REAL[name])) for name in values if name in REAL})
            checked = [check for check in checks if check.__name__ != "negative_data_rejection"]
        else:
            checked = checks
        case.call_and_validate(base_url=served.url, checks=checked, timeout=20)

    ask()


ANSWERED = [each for each in ENDPOINTS if each.gives != "events"]
"""What ends by itself."""


@pytest.mark.parametrize("endpoint", ANSWERED, ids=lambda each: f"{each.method} {each.path}")
def test_an_endpoint_answers_as_the_document_says(served, endpoint):
    """Whatever is asked: nothing fails, and what is answered has the form that is documented."""
    check_endpoint(served, endpoint, 12)


@pytest.mark.soak
@pytest.mark.parametrize("endpoint", ANSWERED, ids=lambda each: f"{each.method} {each.path}")
def test_an_endpoint_goes_on_answering_so(served, endpoint):
    """For a thousand questions."""
    check_endpoint(served, endpoint, 1000)
