"""Tokens become dollars as genai-prices says, and nothing where it says nothing."""

import logging
import math
import os
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from decimal import Decimal, localcontext
from pathlib import Path
from types import SimpleNamespace

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider
from hypothesis import given
from hypothesis import strategies as st

from contextcompany import _pricing
from contextcompany._pricing import Price, price
from contextcompany._providers import PRICE_LISTS, provider_of
from contextcompany._rates import Counts, Model, Tariff

VERSION = f"genai-prices/{genai_prices.__version__}"
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc).timestamp()


def cost(model, provider=None, *, uncached=1000, read=None, written=None, output=50, at=NOON):
    return price(
        model=model,
        provider=provider,
        input_tokens=uncached + (read or 0) + (written or 0),
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        at=at,
    )


def expected(model, provider_id, *, uncached=1000, read=0, written=0, output=50, at=NOON):
    usage = genai_prices.Usage(
        input_tokens=uncached + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )
    when = datetime.fromtimestamp(at, timezone.utc)
    found = genai_prices.calc_price(usage, model, provider_id=provider_id, genai_request_timestamp=when)
    return Price(float(found.total_price), VERSION)


def run_python(code, **environ):
    """What `code` prints in a process of its own."""
    src = str(Path(_pricing.__file__).parents[1])
    path = os.pathsep.join(filter(None, [environ.pop("first", ""), src, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


ASK = """
def ask():
    return _pricing.price(model="gpt-4o", provider="openai", input_tokens=1000, cache_read_tokens=None,
                          cache_write_tokens=None, output_tokens=50, at=None)
"""


@pytest.fixture
def own_table():
    """Puts a price table in place of genai-prices' own, as `UpdatePrices` does."""

    def put(dollars_per_million, *, auto_update=True):
        prices = ModelPrice(input_mtok=Decimal(dollars_per_million), output_mtok=Decimal(0))
        model = ModelInfo(id="gpt-4o", match=ClauseEquals("gpt-4o"), prices=prices)
        provider = Provider(id="openai", name="OpenAI", api_pattern="x", models=[model])
        snapshot = DataSnapshot(providers=[provider], from_auto_update=auto_update)
        set_custom_snapshot(snapshot)
        return snapshot

    yield put
    set_custom_snapshot(None)


# --- the figure


@pytest.mark.parametrize(
    ("model", "provider", "price_list"),
    [
        ("gpt-4o", "openai", "openai"),
        ("gpt-4o-mini", "openai", "openai"),
        ("claude-sonnet-4-5", "anthropic", "anthropic"),
        ("gemini-2.5-pro", "gcp.gemini", "google"),
        ("deepseek-chat", "deepseek", "deepseek"),
        ("sonar", "perplexity", "perplexity"),
        ("gpt-4o", "azure.ai.openai", "azure"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", "aws"),
    ],
)
@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"read": 700, "written": 200},
        {"uncached": 0, "read": 1000, "output": 0},
        {"uncached": 199_000, "read": 1_000},
        {"uncached": 199_000, "read": 1_001, "written": 77, "output": 12_345},
        {"uncached": 0, "output": 3},
    ],
)
def test_the_price_is_the_one_genai_prices_calculates(model, provider, price_list, counts):
    """Uncached, cached, written and output tokens cost what `calc_price` says, in each tier of input size."""
    assert cost(model, provider, **counts) == expected(model, price_list, **counts)


def test_every_kind_of_price_in_the_table_is_calculated_alike():
    """Each eleventh model of the whole table costs the same here and there, small requests and large."""
    when = datetime.fromtimestamp(NOON, timezone.utc)
    rows = [(model, provider) for provider in get_snapshot().providers for model in provider.models][::11]
    for model, provider in rows:
        for size in (7, 150_001, 600_000):
            tokens = Counts(size, size // 3, size // 7, 41)
            ours = Model(model, VERSION).tariff(when).cost(tokens)
            theirs = model.calc_price(tokens, provider, genai_request_timestamp=when).total_price
            assert (ours or 0) == float(theirs), (provider.id, model.id)


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_prices_follow_the_time_of_the_request(hour):
    """A model with prices by date or time of day costs what it cost when the request was made."""
    at = datetime(2025, 3, 1, hour, 45, tzinfo=timezone.utc).timestamp()
    assert cost("deepseek-chat", "deepseek", at=at) == expected("deepseek-chat", "deepseek", at=at)


def test_without_a_time_the_price_is_todays():
    """`at=None` asks for the price now."""
    assert cost("gpt-4o", "openai", at=None) == expected("gpt-4o", "openai", at=datetime.now().timestamp())  # noqa: DTZ005


def test_cached_tokens_cost_less_and_written_ones_more():
    """The same input is cheapest read from Anthropic's cache and dearest written to it."""
    amounts = [{"read": 9000}, {"uncached": 9000}, {"written": 9000}]
    read, plain, written = (
        cost("claude-sonnet-4-5", "anthropic", **{"uncached": 0, **amount}).total for amount in amounts
    )
    assert 0 < read < plain < written


def test_input_that_was_not_counted_is_what_was_cached_and_written():
    """Without an inclusive total, cached and written tokens are all the input there is."""
    counts = {"cache_read_tokens": 30, "cache_write_tokens": 12, "output_tokens": 5, "at": NOON}
    asked = {"model": "claude-sonnet-4-5", "provider": "anthropic", **counts}
    assert price(input_tokens=None, **asked) == price(input_tokens=42, **asked) is not None


def test_a_callers_decimal_precision_changes_nothing():
    """Rates learnt in a thread that works with three digits are exact all the same."""
    _pricing._table = None
    with localcontext() as context:
        context.prec = 3
        rough = cost("gpt-4o", "openai", uncached=123_457)
    assert rough == expected("gpt-4o", "openai", uncached=123_457)


# --- no figure


def test_an_unknown_model_has_no_price():
    """A model nobody knows costs `None`, not 0."""
    assert cost("gpt-nonesuch", "openai") is None
    assert cost("my-own-model") is None


def test_no_counts_no_price():
    """Without any token count there is nothing to multiply."""
    asked = {"cache_read_tokens": None, "cache_write_tokens": None, "output_tokens": None, "at": NOON}
    assert price(model="gpt-4o", provider="openai", input_tokens=None, **asked) is None


@pytest.mark.parametrize("junk", [-1, True, False, "12", 1.5, math.nan, 2**63, [], b"1"])
@pytest.mark.parametrize("place", ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"])
def test_a_count_that_is_none_leaves_no_price(place, junk):
    """One negative, fractional, boolean, textual or endless count, and there is no figure rather than a wrong one."""
    counts = {"input_tokens": 2**62, "cache_read_tokens": 1, "cache_write_tokens": 1, "output_tokens": 1}
    assert price(model="gpt-4o", provider="openai", at=NOON, **counts) is not None
    assert price(model="gpt-4o", provider="openai", at=NOON, **{**counts, place: junk}) is None


def test_more_cached_than_came_in_has_no_price():
    """Counts that contradict each other leave open which of them is wrong."""
    counts = {"cache_read_tokens": 6, "cache_write_tokens": 5, "output_tokens": 1, "at": NOON}
    assert price(model="claude-sonnet-4-5", provider="anthropic", input_tokens=10, **counts) is None
    assert price(model="claude-sonnet-4-5", provider="anthropic", input_tokens=11, **counts) is not None


def test_a_model_not_sold_by_the_token_has_no_price():
    """Whisper is sold by the minute; its tokens do not cost 0."""
    assert cost("whisper-large-v3", "groq") is None


def test_a_free_model_costs_nothing():
    """0 is a price where the table says so: a model without any price in it is free."""
    tariff = Tariff(ModelPrice())
    assert tariff.cost(Counts(1000, 0, 0, 50)) == 0.0


counts = st.none() | st.integers() | st.booleans() | st.text() | st.floats() | st.integers(0, 10**6)
models = st.sampled_from(["gpt-4o", "openai/gpt-4o", "/", "claude-sonnet-4-5"]) | st.text() | st.none() | st.binary()


@given(
    model=models,
    provider=st.sampled_from([None, "openai", "ollama", "x/y"]) | st.text() | st.integers(),
    input_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    output_tokens=counts,
    at=st.none() | st.floats() | st.integers() | st.text(),
)
def test_price_never_raises(**asked):
    """Whatever is asked, the answer is `None` or a figure that is finite and not negative."""
    answer = price(**asked)
    assert answer is None or (math.isfinite(answer.total) and answer.total >= 0)


@given(models | st.lists(st.integers()))
def test_provider_of_never_raises(model):
    """Whatever the model is called, the answer is `None` or a name."""
    assert isinstance(provider_of(model), str | None)


# --- whose price


def test_each_price_list_we_name_is_in_genai_prices():
    """Each provider id that we map a GenAI provider to exists."""
    ours = {price_list for price_list in PRICE_LISTS.values() if price_list}
    assert ours <= {provider.id for provider in get_snapshot().providers}


@pytest.mark.parametrize(
    ("model", "provider", "same_as", "price_list"),
    [
        ("openai/gpt-4o", None, "gpt-4o", "openai"),
        ("openai/gpt-4o", "openai", "gpt-4o", "openai"),
        ("openai/gpt-4o", "azure.ai.inference", "gpt-4o", "azure"),
        ("azure/gpt-4o", None, "gpt-4o", "azure"),
        ("anthropic/claude-sonnet-4-5", "openai", "claude-sonnet-4-5", "anthropic"),
        ("models/gemini-2.5-pro", "gcp.gemini", "gemini-2.5-pro", "google"),
        ("gemini/gemini-2.5-pro", None, "gemini-2.5-pro", "google"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", None, "gemini-2.5-pro", "google"),
        ("bedrock/amazon.nova-pro-v1:0", None, "amazon.nova-pro-v1:0", "aws"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/amazon.nova-pro-v1:0", None, "amazon.nova-pro-v1:0", "aws"),
        ("groq/openai/gpt-oss-120b", None, "openai/gpt-oss-120b", "groq"),
        ("openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b", "groq"),
        ("openrouter/anthropic/claude-sonnet-4.5", None, "anthropic/claude-sonnet-4.5", "openrouter"),
        ("text-embedding-3-small", None, "text-embedding-3-small", "openai"),
        ("GPT-4o", " OpenAI ", "gpt-4o", "openai"),
        ("gpt-4o", "my-gateway", "gpt-4o", "openai"),
        ("gpt-4o", "", "gpt-4o", "openai"),
    ],
)
def test_a_model_is_found_under_the_names_people_write(model, provider, same_as, price_list):
    """LiteLLM's, OpenRouter's and the clouds' spellings lead to the seller's own price list."""
    assert cost(model, provider) == expected(same_as, price_list)


def test_a_makers_client_that_reaches_another_maker_pays_that_makers_price():
    """`openai` with a Claude model is an OpenAI client at some gateway: Anthropic's price is the best known."""
    assert cost("claude-sonnet-4-5", "openai") == expected("claude-sonnet-4-5", "anthropic")


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "groq"),
        ("gpt-4o", "ibm.watsonx.ai"),
        ("gpt-4o", "ollama"),
        ("ollama/deepseek-r1", None),
        ("deepseek-r1:8b", "openai"),
        ("nebius/deepseek-chat", "openai"),
    ],
)
def test_a_host_that_does_not_list_a_model_is_not_priced_as_someone_else(model, provider):
    """Hosts and the user's own machine do not charge the maker's price."""
    assert cost(model, provider) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4.1", "openai"),
        ("o3", "openai"),
        ("o4-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("text-embedding-3-large", "openai"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", "openai"),
        ("claude-sonnet-4-5@20250929", "anthropic"),
        ("Gemini-2.5-Pro", "gcp.gemini"),
        ("codestral-latest", "mistral_ai"),
        ("mixtral-8x7b", "mistral_ai"),
        ("command-r-plus", "cohere"),
        ("deepseek-chat", "deepseek"),
        ("grok-4", "x_ai"),
        ("sonar", "perplexity"),
        ("kimi-k2", "moonshot_ai"),
        ("moonshot-v1-8k", "moonshot_ai"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("meta.llama3-1-8b-instruct-v1:0", "aws.bedrock"),
        ("openai/gpt-4o", "openai"),
        ("x-ai/grok-4", "x_ai"),
        ("azure/my-deployment", "azure.ai.openai"),
        ("vertex_ai/claude-sonnet-4-5", "gcp.vertex_ai"),
        ("groq/llama-3.3-70b-versatile", "groq"),
        ("llama-3.3-70b", None),
        ("meta-llama/llama-4", None),
        ("gpt-oss-120b", None),
        ("deepseek-r1:8b", None),
        ("o1o", None),
        ("my-model", None),
        ("", None),
        ("gpt-" * 100, None),
    ],
)
def test_the_provider_is_told_from_the_model(model, provider):
    """A prefix or a maker's way of naming tells the provider; a model that runs anywhere has none."""
    assert provider_of(model) == provider


# --- what it costs to ask


def test_importing_the_module_does_not_import_genai_prices():
    """Neither the price table nor a thread starts on import."""
    assert run_python("""
        import sys, threading, contextcompany._pricing
        print("genai_prices" in sys.modules, threading.active_count())
    """) == ["False", "1"]


def test_preloading_twice_starts_one_thread():
    """However often and from wherever it is called, one thread imports the table, and `price` waits for it."""
    assert run_python(f"""
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from contextcompany import _pricing
        {textwrap.indent(ASK, " " * 8).strip()}
        started = []
        start = threading.Thread.start
        def record(thread):
            started.append(thread.name)
            start(thread)
        threading.Thread.start = record
        with ThreadPoolExecutor(8) as pool:
            for _ in range(64):
                pool.submit(_pricing.preload)
        first = ask() is not None
        _pricing.preload()
        print(started.count("contextcompany-prices"), first)
    """) == ["1", "True"]


def test_a_price_asked_for_twice_is_calculated_once(monkeypatch):
    """Once a model's rates are learnt, genai-prices' slow calculation is not run again, nor is its look-up."""
    cost("gpt-4o-mini", "openai"), cost("gpt-nonesuch", "openai")
    monkeypatch.setattr(ModelPrice, "calc_price", None)
    monkeypatch.setattr(genai_prices, "calc_price", None)
    assert cost("gpt-4o-mini", "openai", uncached=77, read=5).total > 0
    assert cost("gpt-nonesuch", "openai") is None


# --- when the ground moves


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@needs_fork
def test_a_child_forked_in_the_middle_of_the_import_has_prices():
    """The fork waits for the import to end; without that, the child would hang at its first price."""
    assert run_python(f"""
        import os, signal
        from contextcompany import _pricing
        {textwrap.indent(ASK, " " * 8).strip()}
        _pricing.preload()
        pid = os.fork()
        signal.alarm(10)
        if pid == 0:
            os._exit(0 if ask() else 1)
        print(os.waitpid(pid, 0)[1], ask() is not None)
    """) == ["0", "True"]


@needs_fork
def test_a_child_forked_from_an_endless_import_goes_without_prices(tmp_path):
    """If the import does not end in time, the child's price is `None`; it neither hangs nor imports."""
    (tmp_path / "genai_prices.py").write_text("import time\ntime.sleep(60)\n")
    assert run_python(
        f"""
        import os, signal
        from contextcompany import _pricing
        {textwrap.indent(ASK, " " * 8).strip()}
        _pricing._LOAD_TIMEOUT_S = 0.01
        _pricing.preload()
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            os._exit(0 if ask() is None else 1)
        print(os.waitpid(pid, 0)[1])
        """,
        first=str(tmp_path),
    ) == ["0"]


def test_a_genai_prices_that_does_not_import_is_said_once(tmp_path):
    """Without a price table there are no prices and one warning, however many are asked for."""
    (tmp_path / "genai_prices.py").write_text("raise ImportError('gone')\n")
    assert run_python(
        f"""
        import logging
        from contextcompany import _pricing
        {textwrap.indent(ASK, " " * 8).strip()}
        said = []
        logging.getLogger("contextcompany").addFilter(said.append)
        print(ask(), ask(), len(said), said[0].levelname)
        """,
        first=str(tmp_path),
    ) == ["None", "None", "1", "WARNING"]


def test_a_genai_prices_of_another_make_is_said_once(monkeypatch, caplog):
    """If the package no longer has what we call, prices stop, nothing raises and one warning says so."""
    monkeypatch.setattr(_pricing, "_library", SimpleNamespace)
    with caplog.at_level(logging.WARNING, logger="contextcompany"):
        assert cost("gpt-4o", "openai") is None
        assert cost("gpt-4o", "openai") is None
    assert [record.name for record in caplog.records] == ["contextcompany"]


def test_a_replaced_price_table_is_used_and_named(own_table):
    """After the program updates genai-prices' table, prices come from the new one and the version tells its date."""
    before = cost("gpt-4o", "openai")
    snapshot = own_table(1_000)
    assert cost("gpt-4o", "openai") == Price(1.0, f"{VERSION}+{snapshot.timestamp:%Y-%m-%d}")
    own_table(2_000)
    assert cost("gpt-4o", "openai").total == 2.0
    set_custom_snapshot(None)
    assert cost("gpt-4o", "openai") == before


def test_prices_that_are_not_linear_are_left_to_genai_prices():
    """A future price that no rate per token describes is calculated by the package each time."""

    class Squares:
        def calc_price(self, tokens):
            return {"total_price": Decimal(tokens.input_tokens) ** 2}

    tariff = Tariff(Squares())
    assert [tariff.cost(Counts(n, 0, 0, 0)) for n in (2, 3)] == [4.0, 9.0]
