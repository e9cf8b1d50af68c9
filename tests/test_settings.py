"""An argument wins over the environment, which wins over the default; every URL rule, as values."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contextcompany._settings import SETTINGS, Destination, Endpoint, Settings, destination, outbox_dir, resolve
from contextcompany.exceptions import ConfigurationError

KEY = "tcc_SECRET"
BEARER = (("authorization", "Bearer tcc_SECRET"),)
LOCAL = "http://127.0.0.1:4318"
HOSTED = "https://api.thecontext.company"
DEFAULTS = {name.name: "default" for name in fields(Settings) if name.name != "sources"}


UNSAFE = (
    "must not contain line breaks, control characters or characters outside Latin-1; "
    "check how it was copied (its value is not shown)."
)
FLAG = "must be one of 1, true, yes, on, 0, false, no, off"
SECONDS = "must be a number of seconds, or 0 for no limit"
NAMES = ", ".join(f"`{name}`" for name in DEFAULTS)


def where(environ=None, explicit=None, **own):
    environ = environ or {}
    return destination(resolve(explicit or {}, environ), environ, **own)


def urls(environ=None, **own):
    there = where(environ, **own)
    return there.traces_url, there.logs_url


def going(traces_url, logs_url, headers, source):
    return Destination(Endpoint(traces_url, headers), Endpoint(logs_url, headers), source)


# What is configured.


def test_defaults():
    """With nothing given, everything is unset or off, and says that it is the default."""
    assert resolve({}, {}) == Settings(
        api_key=None,
        url=None,
        feedback_url=None,
        service_name=None,
        headers=None,
        console=False,
        join_traces=False,
        debug=False,
        run_timeout=None,
        allow_unsafe_base_url=False,
        capture_content=True,
        detectors=(),
        redact=None,
        max_value_size=2**20,
        max_span_size=4 * 2**20,
        outbox="disk",
        outbox_dir=None,
        durability="async",
        max_outbox_size=256 * 2**20,
        shutdown_timeout=2.0,
        certificate=None,
        proxy=None,
        sources=DEFAULTS,
    )


def test_environment():
    """Every variable reaches its field, and the field's source is the variable's name."""
    environ = {
        "TCC_API_KEY": KEY,
        "TCC_URL": "https://a.example",
        "TCC_FEEDBACK_URL": "https://b.example",
        "TCC_CONSOLE": "1",
        "TCC_JOIN_TRACES": "true",
        "TCC_DEBUG": "YES",
        "TCC_RUN_TIMEOUT": "1.5",
        "TCC_ALLOW_UNSAFE_BASE_URL": "On",
        "OTEL_SERVICE_NAME": "shop",
        "TCC_UNKNOWN": "ignored",
    }

    assert resolve({}, environ) == Settings(
        api_key=KEY,
        url="https://a.example",
        feedback_url="https://b.example",
        service_name="shop",
        console=True,
        join_traces=True,
        debug=True,
        run_timeout=1.5,
        allow_unsafe_base_url=True,
        sources=DEFAULTS
        | {
            "api_key": "TCC_API_KEY",
            "url": "TCC_URL",
            "feedback_url": "TCC_FEEDBACK_URL",
            "service_name": "OTEL_SERVICE_NAME",
            "console": "TCC_CONSOLE",
            "join_traces": "TCC_JOIN_TRACES",
            "debug": "TCC_DEBUG",
            "run_timeout": "TCC_RUN_TIMEOUT",
            "allow_unsafe_base_url": "TCC_ALLOW_UNSAFE_BASE_URL",
        },
    )


def test_arguments_win_over_the_environment():
    """A value given explicitly wins, and the variable it overrules is not even looked at."""
    explicit = {"api_key": "k", "console": False, "run_timeout": 3, "headers": {"X-Team": " blue "}}
    environ = {"TCC_API_KEY": "bad\nkey", "TCC_CONSOLE": "maybe", "TCC_RUN_TIMEOUT": "soon"}

    assert resolve(explicit, environ) == Settings(
        api_key="k",
        console=False,
        run_timeout=3.0,
        headers={"x-team": "blue"},
        sources=DEFAULTS | dict.fromkeys(explicit, "argument"),
    )


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_counts_as_not_given(blank):
    """None and blank text leave the decision to the environment."""
    assert resolve({"api_key": blank}, {"TCC_API_KEY": KEY, "TCC_CONSOLE": " "}) == Settings(
        api_key=KEY, sources=DEFAULTS | {"api_key": "TCC_API_KEY"}
    )


def test_whitespace_around_a_variable_is_ignored():
    """A key that a secret store or a file ended with a line break is the key without it."""
    assert resolve({}, {"TCC_API_KEY": f" {KEY}\n"}).api_key == KEY


def test_url_has_two_variables():
    """TCC_URL wins over TCC_BASE_URL, and a base is kept as the URL for traces below it."""
    base = {"TCC_BASE_URL": "https://a.example/x/"}

    assert resolve({}, base).url == "https://a.example/x/v1/traces"
    assert resolve({}, base).sources["url"] == "TCC_BASE_URL"
    assert resolve({}, base | {"TCC_URL": "https://b.example"}).url == "https://b.example"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(word, True) for word in ("1", "true", "YES", " On ", True, 1)]
    + [(word, False) for word in ("0", "False", "no", "OFF", False, 0)],
)
def test_flags(value, expected):
    """A flag is a word in any case, or a Python bool, or 0 or 1."""
    assert resolve({"debug": value}, {}).debug is expected


@pytest.mark.parametrize(
    ("tcc", "otel", "expected"),
    [
        ("true", "NO_CONTENT", True),
        ("0", "SPAN_ONLY", False),
        ("Metadata-Only", "", "metadata-only"),
        ("metadata_only", "true", "metadata-only"),
        ("", "", True),
        ("", "span_only", True),
        ("", "SPAN_AND_EVENT", True),
        ("", "True", True),
        ("", "EVENT_ONLY", False),
        ("", "NO_CONTENT", False),
        ("", "false", False),
    ],
)
def test_capture_content(tcc, otel, expected):
    """Our variable wins over OpenTelemetry's, whose older and newer values are known; events only is not on spans."""
    environ = {"TCC_CAPTURE_CONTENT": tcc, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": otel}

    assert resolve({}, environ).capture_content == expected
    assert resolve({"capture_content": False}, environ).capture_content is False


def test_a_wrong_variable_of_others_is_said_once(caplog):
    """What OpenTelemetry takes as no content is no content here, and no error."""
    for _ in range(2):
        settings = resolve({}, {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "all"})

    assert settings.capture_content is False
    assert [record.getMessage() for record in caplog.records] == [
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is none of its known values; content is not captured."
    ]


@pytest.mark.parametrize("value", ["emails, SECRETS", ["emails", "secrets"], {"secrets", "emails"}, "emails,,secrets,"])
def test_detectors(value):
    """Names with commas, or any collection of them, in any order."""
    assert resolve({"detectors": value}, {"TCC_DETECTORS": "cards"}).detectors == ("secrets", "emails")


def test_detectors_can_be_switched_off():
    """No detectors is a value; the variable says what is the default."""
    assert resolve({"detectors": ()}, {"TCC_DETECTORS": "cards"}).detectors == ()
    assert resolve({}, {"TCC_DETECTORS": "cards", "TCC_MAX_SPAN_SIZE": " 1000 "}).max_span_size == 1000


@pytest.mark.parametrize(("value", "expected"), [(0, None), ("0", None), (2, 2.0), (" 90 ", 90.0), (0.5, 0.5)])
def test_run_timeout(value, expected):
    """The timeout is in seconds, as a number or as text; 0 means no limit."""
    assert resolve({"run_timeout": value}, {}).run_timeout == expected


class Unprintable:
    def __repr__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


@pytest.mark.parametrize(
    ("explicit", "message"),
    [
        ({"console": "maybe"}, f"`console` {FLAG}, got 'maybe'."),
        ({"console": 2}, f"`console` {FLAG}, got 2."),
        (
            {"console": Unprintable()},
            f"`console` {FLAG}, got a value of type Unprintable.",
        ),
        ({"run_timeout": -1}, f"`run_timeout` {SECONDS}, got -1."),
        ({"run_timeout": "inf"}, f"`run_timeout` {SECONDS}, got 'inf'."),
        ({"run_timeout": True}, f"`run_timeout` {SECONDS}, got True."),
        (
            {"run_timeout": 10**5000},
            f"`run_timeout` {SECONDS}, got a value of type int.",
        ),
        ({"url": "localhost:4318"}, "`url` must start with http:// or https://, got 'localhost:4318'."),
        (
            {"url": "tcc_0123456789abcdef"},
            "`url` must start with http:// or https://, got something that looks like a key.",
        ),
        ({"url": 4318}, "`url` must be text, got 4318."),
        ({"service_name": "\udc80"}, r"`service_name` must be valid Unicode text, got '\udc80'."),
        ({"api_key": 7}, "`api_key` must be text, got a value of type int."),
        (
            {"api_key": f"{KEY}\nX-Evil: 1"},
            f"`api_key` {UNSAFE}",
        ),
        ({"headers": [("a", "b")]}, "`headers` must map header names to text, got a value of type list."),
        (
            {"headers": {f"a: {KEY}": "b"}},
            "`headers` contains something that is not an HTTP header name.",
        ),
        (
            {"headers": {"x-a": f"{KEY}\u20ac"}},
            f"`headers['x-a']` {UNSAFE}",
        ),
        (
            {"capture_content": "metadata"},
            "`capture_content` must be true, false or metadata-only, got 'metadata'.",
        ),
        (
            {"detectors": ["secrets", "names"]},
            "`detectors` may name `secrets`, `emails`, `phones`, `cards`, got a value of type list.",
        ),
        (
            {"detectors": 7},
            "`detectors` may name `secrets`, `emails`, `phones`, `cards`, got 7.",
        ),
        ({"redact": "secrets"}, "`redact` must be a function of a text and its path, got 'secrets'."),
        ({"max_value_size": 0}, "`max_value_size` must be a number of bytes above 0, got 0."),
        ({"max_span_size": True}, "`max_span_size` must be a number of bytes above 0, got True."),
        ({"outbox": "tape"}, "`outbox` must be one of disk, memory, off, got 'tape'."),
        ({"outbox_dir": 7}, "`outbox_dir` must be a path, got 7."),
        ({"durability": True}, "`durability` must be one of async, sync, fsync, got True."),
        ({"shutdown_timeout": -1}, "`shutdown_timeout` must be a number of seconds, 0 or more, got -1."),
        (
            {"certificate": "/nowhere.pem"},
            "`certificate` must be a file of CA certificates, and there is none at '/nowhere.pem'.",
        ),
        *(
            (
                {"proxy": wrong},
                "`proxy` must be like http://host:3128 or http://user:password@host:3128 (its value is not shown).",
            )
            for wrong in (f"https://u:{KEY}@p:1", f"socks5://{KEY}@p", "p:3128", "http://p/path", "http://p:99999", 7)
        ),
        ({"consol": True}, "`consol` is not a setting; did you mean `console`?"),
        (
            {"zzz": True},
            f"`zzz` is not a setting; the settings are {NAMES}.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_arguments(explicit, message):
    """A wrong argument is named, shown unless it may be secret, and corrected."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(explicit, {})

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TCC_API_KEY", "k\x7f"),
        ("TCC_API_KEY", "schl\u00fcssel\u2026"),
        ("TCC_URL", "api.example"),
        ("TCC_BASE_URL", "ftp://a.example"),
        ("TCC_FEEDBACK_URL", "https://"),
        ("TCC_CONSOLE", "maybe"),
        ("TCC_JOIN_TRACES", "2"),
        ("TCC_DEBUG", "verbose"),
        ("TCC_RUN_TIMEOUT", "20m"),
        ("TCC_CAPTURE_CONTENT", "flase"),
        ("TCC_MAX_VALUE_SIZE", "1MB"),
        ("TCC_MAX_SPAN_SIZE", "-1"),
        ("TCC_ALLOW_UNSAFE_BASE_URL", "localhost"),
        ("TCC_OUTBOX", "none"),
        ("TCC_OUTBOX_DIR", "\0"),
        ("TCC_DURABILITY", "always"),
        ("TCC_MAX_OUTBOX_SIZE", "0"),
        ("TCC_SHUTDOWN_TIMEOUT", "2s"),
        ("TCC_CERTIFICATE", "."),
        ("TCC_PROXY", "off"),
    ],
)
def test_wrong_variables(variable, value):
    """A wrong variable is a ConfigurationError under the variable's own name."""
    with pytest.raises(ConfigurationError, match=rf"^`{variable}` must "):
        resolve({}, {variable: value})


def test_a_service_name_that_is_no_text(caplog):
    """OpenTelemetry's variable costs its own bytes, not the recording."""
    assert resolve({}, {"OTEL_SERVICE_NAME": "caf\udce9"}).service_name == "caf\ufffd"
    assert caplog.messages == ["`OTEL_SERVICE_NAME` is no valid Unicode text; the service is called 'caf\ufffd'."]


def test_settings_are_read_only_and_keep_their_secrets():
    """Settings cannot be changed, and their repr shows no key, header or URL."""
    settings = resolve({"headers": {"x": "hush"}, "url": "https://u:hush@a.example?k=hush", "api_key": "hush"}, {})

    assert "hush" not in repr(settings)
    with pytest.raises(FrozenInstanceError):
        settings.debug = True
    with pytest.raises(TypeError):
        settings.headers["x"] = "y"


def test_table_and_settings_agree():
    """Every field has a row in the table; every row has a field, a sentence and a variable of its own."""
    variables = [setting.variable for setting in SETTINGS if setting.variable]

    assert {setting.field for setting in SETTINGS} == set(DEFAULTS)
    assert len(variables) == len(set(variables))
    assert all(setting.brief.endswith(".") for setting in SETTINGS)


# Where it leads.


@pytest.mark.parametrize(
    ("environ", "arguments", "expected"),
    [
        ({}, {}, going(f"{LOCAL}/v1/traces", f"{LOCAL}/v1/logs", (), "default")),
        (
            {"TCC_API_KEY": KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
            {},
            going(f"{HOSTED}/v1/traces", f"{HOSTED}/v1/logs", BEARER, "TCC_API_KEY"),
        ),
        (
            {"TCC_API_KEY": "dev_1"},
            {},
            going(
                "https://dev.thecontext.company/v1/traces",
                "https://dev.thecontext.company/v1/logs",
                (("authorization", "Bearer dev_1"),),
                "TCC_API_KEY",
            ),
        ),
        (
            {"TCC_API_KEY": "dev_1", "TCC_BASE_URL": "https://b.example/x/"},
            {},
            going(
                "https://b.example/x/v1/traces",
                "https://b.example/x/v1/logs",
                (("authorization", "Bearer dev_1"),),
                "TCC_BASE_URL",
            ),
        ),
        (
            {"TCC_URL": "https://a.example", "TCC_BASE_URL": "https://b.example"},
            {},
            going("https://a.example/v1/traces", "https://a.example/v1/logs", (), "TCC_URL"),
        ),
        (
            {"TCC_URL": "https://a.example"},
            {"explicit": {"url": "https://c.example/in", "headers": {"X-B": "2", "x-a": "1"}}},
            going("https://c.example/in", "https://c.example/in", (("x-a", "1"), ("x-b", "2")), "url argument"),
        ),
        (
            {"TCC_API_KEY": KEY, "TCC_URL": "https://a.example"},
            {"url": "https://own.example"},
            going("https://own.example/v1/traces", "https://own.example/v1/logs", BEARER, "tcc_url argument"),
        ),
        (
            {"TCC_API_KEY": "other", "TCC_URL": "https://a.example"},
            {"api_key": KEY},
            going("https://a.example/v1/traces", "https://a.example/v1/logs", BEARER, "TCC_URL"),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
            {"api_key": KEY},
            going(f"{HOSTED}/v1/traces", f"{HOSTED}/v1/logs", BEARER, "api_key argument"),
        ),
    ],
)
def test_destination(environ, arguments, expected):
    """A run's own values win; then the URL, the base URL, the hosted service; at last the local one."""
    assert where(environ, **arguments) == expected


@pytest.mark.parametrize(
    ("url", "traces", "logs"),
    [
        ("https://h", "https://h/v1/traces", "https://h/v1/logs"),
        ("https://h/", "https://h/v1/traces", "https://h/v1/logs"),
        ("HTTPS://h:443//?k=v", "https://h:443/v1/traces?k=v", "https://h:443/v1/logs?k=v"),
        ("https://h/v1/traces", "https://h/v1/traces", "https://h/v1/logs"),
        ("https://h/a/traces/?k=v", "https://h/a/traces/?k=v", "https://h/a/logs/?k=v"),
        ("https://h/v1/custom", "https://h/v1/traces", "https://h/v1/logs"),
        (
            "https://h/p/v1/custom?k=/v1/custom",
            "https://h/p/v1/traces?k=/v1/custom",
            "https://h/p/v1/logs?k=/v1/custom",
        ),
        ("https://h/mytraces", "https://h/mytraces", "https://h/mytraces"),
        ("https://u:p@h/in", "https://u:p@h/in", "https://u:p@h/in"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/logs"),
    ],
)
def test_url(url, traces, logs):
    """An origin gets the signal's path; a path is used as given, its last segment fitting the signal."""
    assert urls({"TCC_URL": url}) == (traces, logs)
    assert urls(url=url) == (traces, logs)


@pytest.mark.parametrize(
    ("base", "traces"),
    [
        ("https://h", "https://h/v1/traces"),
        ("https://h/p//", "https://h/p/v1/traces"),
        ("https://h/v1/custom", "https://h/v1/custom/v1/traces"),
        ("https://h/p?k=v", "https://h/p/v1/traces?k=v"),
    ],
)
def test_base_url(base, traces):
    """A base keeps its path and its query, whatever they are."""
    assert urls({"TCC_BASE_URL": base}) == (traces, traces.replace("/v1/traces", "/v1/logs"))


@pytest.mark.parametrize(
    ("url", "logs"),
    [
        ("https://f", "https://f/v1/logs"),
        ("https://f/v1/feedback?k=v", "https://f/v1/logs?k=v"),
        ("https://f/elsewhere", "https://f/elsewhere"),
    ],
)
def test_feedback_url(url, logs):
    """TCC_FEEDBACK_URL moves events only."""
    assert urls({"TCC_FEEDBACK_URL": url}) == (f"{LOCAL}/v1/traces", logs)


def test_feedback_follows_a_runs_own_url():
    """A run's own URL takes its feedback along, away from TCC_FEEDBACK_URL."""
    assert urls({"TCC_FEEDBACK_URL": "https://f"}, url="https://own") == (
        "https://own/v1/traces",
        "https://own/v1/logs",
    )


@pytest.mark.parametrize(
    ("general", "traces", "logs", "expected"),
    [
        ("http://c:4318", "", "", ("http://c:4318/v1/traces", "http://c:4318/v1/logs", "ENDPOINT")),
        ("http://c/p/?k=v", "", "", ("http://c/p/v1/traces?k=v", "http://c/p/v1/logs?k=v", "ENDPOINT")),
        ("", "https://t/v1/traces", "", ("https://t/v1/traces", "https://t/v1/logs", "TRACES_ENDPOINT")),
        ("", "", "https://l/v1/logs", ("https://l/v1/traces", "https://l/v1/logs", "LOGS_ENDPOINT")),
        ("", "https://t", "", ("https://t/", "https://t/v1/logs", "TRACES_ENDPOINT")),
        ("", "https://t/in", "", ("https://t/in", "https://t/in", "TRACES_ENDPOINT")),
        ("", "https://t/a", "https://l/b", ("https://t/a", "https://l/b", "TRACES_ENDPOINT")),
        ("https://c", "https://t/a", "", ("https://t/a", "https://c/v1/logs", "TRACES_ENDPOINT")),
        ("https://c", "", "https://l/b", ("https://c/v1/traces", "https://l/b", "ENDPOINT")),
        ("nonsense", "https://t/a", "https://l/b", ("https://t/a", "https://l/b", "TRACES_ENDPOINT")),
    ],
)
def test_otel_endpoints(general, traces, logs, expected):
    """OpenTelemetry's variables mean what they mean there; a missing signal is derived from the other."""
    there = where(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": general,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces,
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": logs,
        }
    )

    assert (there.traces_url, there.logs_url, there.source) == (
        *expected[:2],
        f"OTEL_EXPORTER_OTLP_{expected[2]}",
    )
    assert there.uses_otel_environment
    assert not there.is_default


def test_only_the_local_observatory_is_the_default():
    """is_default and uses_otel_environment tell the local Observatory from what somebody chose."""
    default, chosen = where(), where({"TCC_URL": LOCAL})

    assert (default.is_default, default.uses_otel_environment) == (True, False)
    assert (chosen.is_default, chosen.uses_otel_environment) == (False, False)


@pytest.mark.parametrize(
    ("configured", "own", "header", "sent"),
    [
        ("k", None, "Basic x", "Basic x"),
        ("k", "own", "Basic x", "Bearer own"),
        (None, None, "Basic x", "Basic x"),
    ],
)
def test_authorization(configured, own, header, sent):
    """An explicit authorization header wins over the configured key, and a run's own key over both."""
    there = where({"TCC_API_KEY": configured or ""}, {"headers": {"Authorization": header}}, api_key=own)

    assert there.headers == (("authorization", sent),)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4318",
        "http://127.9.9.9",
        "http://localhost:4318",
        "http://LOCALHOST",
        "http://[::1]:4318",
        "https://a.example",
    ],
)
def test_keys_travel_by_https_or_loopback(url):
    """A key is sent by https, and by plain http to this machine."""
    assert where({"TCC_URL": url, "TCC_API_KEY": KEY}).headers == BEARER


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a.example", "http://a.example/v1/traces"),
        ("http://user:hush@10.0.0.1/in?k=hush", "http://10.0.0.1/in"),
        ("http://user:hush@a.example/v1/custom?k=hu@sh", "http://…"),
        ("http://localhost.a.example/x", "http://localhost.a.example/x"),
        ("http://127.0.0.1@a.example/x", "http://a.example/x"),
        ("http://2130706433/x", "http://2130706433/x"),
    ],
)
def test_keys_never_travel_by_plain_http(url, shown):
    """A key for another machine by plain http is refused, without its secrets, unless that is allowed."""
    environ = {"TCC_URL": url, "TCC_API_KEY": KEY}

    with pytest.raises(ConfigurationError) as caught:
        where(environ)

    assert str(caught.value) == (
        f"`TCC_URL` would send the API key over plain http to '{shown}'; "
        "use https://, or set TCC_ALLOW_UNSAFE_BASE_URL=1."
    )
    assert where(environ | {"TCC_ALLOW_UNSAFE_BASE_URL": "1"}).headers == BEARER
    assert where(environ | {"TCC_API_KEY": ""}).headers == ()


@pytest.mark.parametrize(
    ("environ", "arguments", "name"),
    [
        ({"TCC_BASE_URL": "http://a"}, {"api_key": KEY}, "TCC_BASE_URL"),
        ({"TCC_API_KEY": KEY}, {"url": "http://a"}, "tcc_url"),
        ({"TCC_API_KEY": KEY, "TCC_FEEDBACK_URL": "http://a"}, {}, "TCC_FEEDBACK_URL"),
    ],
)
def test_plain_http_is_refused_wherever_the_url_comes_from(environ, arguments, name):
    """The refusal names the setting that holds the URL."""
    with pytest.raises(ConfigurationError, match=f"^`{name}` would send the API key over plain http"):
        where(environ, **arguments)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///v1/traces",
        "http://:4318",
        "http://h:0",
        "http://h:99999",
        "http://h:x",
        "http://a b",
        "'http://h'",
        'http://h/"',
        "http://h/it's",
        "http://h\n",
        "http://h/#top",
        "http://h/{id}",
        "http://h\\@x",
        "http://[::1",
        "http://[zz]",
        "http://h\u00fctte",
        "http://a..b",
        "http://" + "a" * 64,
        "HTTP//h",
        "file:///etc/passwd",
    ],
)
def test_malformed_urls(url):
    """A URL nobody could send to is refused at once, under the name of its setting."""
    with pytest.raises(ConfigurationError, match=r"^`tcc_url` must .*, got "):
        where(url=url)
    with pytest.raises(ConfigurationError, match=r"^`url` must .*, got "):
        resolve({"url": url}, {})


@pytest.mark.parametrize("name", ["ENDPOINT", "TRACES_ENDPOINT", "LOGS_ENDPOINT"])
def test_malformed_otel_endpoints(name):
    """A malformed endpoint of OpenTelemetry's is refused, but only if it would be used."""
    environ = {f"OTEL_EXPORTER_OTLP_{name}": "localhost:4317"}

    with pytest.raises(ConfigurationError, match=f"^`OTEL_EXPORTER_OTLP_{name}` must start with http:// or"):
        where(environ)
    assert where(environ | {"TCC_API_KEY": KEY}).source == "TCC_API_KEY"


def test_a_runs_own_key_is_checked():
    """A run's own key is refused like a configured one, without being shown."""
    with pytest.raises(ConfigurationError, match=r"^`api_key` must not contain line breaks") as caught:
        where(api_key=f"{KEY}\r\n")

    assert KEY not in str(caught.value)


def test_destination_keeps_its_secrets_and_is_hashable():
    """The repr of a destination shows no key, password or query, and equal destinations hash alike."""
    first = where(
        {"TCC_URL": "https://u:hush@h/in?k=hush"},
        explicit={"api_key": "hush", "headers": {"x-token": "hush"}},
    )
    second = where(
        {"TCC_URL": "https://u:hush@h/in?k=hush"},
        explicit={"api_key": "hush", "headers": {"X-Token": "hush"}},
    )

    assert repr(first) == "Destination('https://h/in', 'https://h/in', headers=<2 not shown>, source='TCC_URL')"
    assert len({first, second}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"api_key": "other"},
        {"headers": {"x-tenant": "other"}},
        {"url": "https://a.example/other"},
        {"feedback_url": "https://other"},
        {"headers": {"a": "b, c: d"}},
        {"headers": {"a": "b", "c": "d"}},
    ],
)
def test_fingerprint(other):
    """It is another for any other URL or header, and the same for all else, in every process."""
    base = {"api_key": KEY, "url": "https://u:hush@a.example/in?k=hush"}
    same = where({"TCC_DURABILITY": "sync"}, base | {"proxy": "http://p"})

    assert where(explicit=base | other).fingerprint != same.fingerprint
    assert same.fingerprint == where(explicit=base).fingerprint == "5a15d65454a12dd31077ccef4866ebda"
    assert same.label == "https://a.example/in"


# How it gets there.

OTEL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://o.example"}


def otel(**variables):
    """The endpoints of a destination that OpenTelemetry's variables decide."""
    there = where(OTEL | {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()})
    return there.endpoint("traces"), there.endpoint("logs")


def test_endpoint_of_ours():
    """Each signal has its URL, and the rest is the same; OpenTelemetry's variables are for another back end."""
    everything = {
        f"OTEL_EXPORTER_OTLP_{signal}{name}": "1000"
        for name in ("HEADERS", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
        for signal in ("", "TRACES_", "LOGS_")
    }
    there = where(OTEL | everything | {"TCC_API_KEY": KEY, "TCC_FEEDBACK_URL": "https://f.example"})

    assert there.endpoint("traces") == Endpoint(f"{HOSTED}/v1/traces", BEARER)
    assert there.endpoint("logs") == Endpoint("https://f.example/v1/logs", BEARER)


def test_feedback_elsewhere_takes_nothing_of_opentelemetrys():
    """A TCC_FEEDBACK_URL is no endpoint of OpenTelemetry's, whatever decides about spans."""
    there = where(OTEL | {"OTEL_EXPORTER_OTLP_HEADERS": f"x={KEY}", "TCC_FEEDBACK_URL": "https://f.example"})

    assert there.endpoint("traces").headers == (("x", KEY),)
    assert there.endpoint("logs") == Endpoint("https://f.example/v1/logs")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a=b", {"a": "b"}),
        (" A = b , c=d,", {"a": "b", "c": "d"}),
        ("authorization=Basic%20dXNlcjpwdw==", {"authorization": "Basic dXNlcjpwdw=="}),
        ("authorization=Bearer x", {"authorization": "Bearer x"}),
        ("a=b%2Cc,d=100%25,e=%C3%A9,f=1+1", {"a": "b,c", "d": "100%", "e": "é", "f": "1+1"}),
        ("a=b,a=c", {"a": "c"}),
        ("a=", {"a": ""}),
    ],
)
def test_otel_headers(value, expected, caplog):
    """Pairs with commas, percent-decoded; a "+" is a plus."""
    traces, logs = otel(HEADERS=value)

    assert dict(traces.headers) == dict(logs.headers) == expected
    assert caplog.records == []


@pytest.mark.parametrize("pair", ["hush", "=hush", "a b=hush", "x:hush=1", "x=hush%0d%0aevil:1", "x=hush%E2%82%AC"])
def test_a_malformed_otel_header_costs_itself(pair, caplog):
    """It is said by its number, once and without its value; the others are sent."""
    traces, _ = otel(HEADERS=f"a=b,{pair},c=d")

    assert traces.headers == (("a", "b"), ("c", "d"))
    assert [record.getMessage() for record in caplog.records] == [
        "`OTEL_EXPORTER_OTLP_HEADERS` must be name=value pairs with commas; number 2 is left out (it is not shown)."
    ]


def test_otel_variables_of_one_signal():
    """A signal's own variable replaces the general one; a header of ours wins over both."""
    traces, logs = otel(
        HEADERS="a=general,b=general",
        TRACES_HEADERS="a=traces",
        TIMEOUT="5000",
        LOGS_TIMEOUT="2500.5",
        COMPRESSION="gzip",
        LOGS_COMPRESSION="None",
        CERTIFICATE="ca.pem",
        TRACES_CLIENT_CERTIFICATE="me.pem",
        TRACES_CLIENT_KEY="me.key",
    )
    ours = where(OTEL | {"OTEL_EXPORTER_OTLP_HEADERS": "a=theirs,b=theirs"}, {"headers": {"A": "ours"}})

    assert traces == Endpoint(
        "https://o.example/v1/traces",
        (("a", "traces"),),
        timeout=5.0,
        compression=True,
        certificate="ca.pem",
        client_certificate="me.pem",
        client_key="me.key",
    )
    assert logs == Endpoint(
        "https://o.example/v1/logs",
        (("a", "general"), ("b", "general")),
        timeout=2.5005,
        compression=False,
        certificate="ca.pem",
    )
    assert ours.headers == (("a", "ours"), ("b", "theirs"))


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("TIMEOUT", "10", "a number of milliseconds from 100 on"),
        ("TIMEOUT", "10s", "a number of milliseconds from 100 on"),
        ("TIMEOUT", "nan", "a number of milliseconds from 100 on"),
        ("COMPRESSION", "deflate", "gzip or none"),
    ],
)
def test_a_wrong_otel_variable_is_said(name, value, takes, caplog):
    """What is meant for others does not stop the program, nor do seconds where the specification has milliseconds."""
    traces, _ = otel(**{name: value})

    assert (traces.timeout, traces.compression) == (10.0, None)
    assert [record.getMessage() for record in caplog.records] == [
        f"`OTEL_EXPORTER_OTLP_{name}` must be {takes}; the default is used."
    ]


def test_certificate_applies_everywhere(tmp_path):
    """Our own certificate goes with every destination, and wins over OpenTelemetry's."""
    ours = tmp_path / "ca.pem"
    ours.touch()
    environ = {"TCC_CERTIFICATE": str(ours), "OTEL_EXPORTER_OTLP_CERTIFICATE": "theirs"}

    assert where(environ | OTEL).endpoint("logs").certificate == str(ours)
    assert where(environ, {"api_key": KEY, "certificate": ours}).endpoint("traces").certificate == str(ours)


PROXIES = {"HTTPS_PROXY": "http://secure:1/", "http_proxy": "plain:2", "NO_PROXY": "intern.example, 10.0.0.7"}


@pytest.mark.parametrize(
    ("setting", "environ", "url", "expected"),
    [
        ("", PROXIES, "https://a.example", None),
        ("http://u:pw@p:3128/", PROXIES, "https://intern.example", "http://u:pw@p:3128"),
        ("http://p", {}, "http://127.0.0.1:4318", None),
        ("http://p", {}, "http://localhost", None),
        ("ENV", PROXIES, "https://a.example", "http://secure:1"),
        ("env", PROXIES, "http://a.example", "http://plain:2"),
        ("env", PROXIES, "https://intern.example:8443", None),
        ("env", PROXIES, "https://sub.intern.example", None),
        ("env", PROXIES, "http://10.0.0.7", None),
        ("env", PROXIES | {"no_proxy": ""}, "https://intern.example", "http://secure:1"),
        ("env", PROXIES | {"NO_PROXY": "*"}, "https://a.example", None),
        ("env", PROXIES | {"https_proxy": ""}, "https://a.example", None),
        ("env", PROXIES, "http://[::1]:4318", None),
        ("env", {"all_proxy": "http://all"}, "https://a.example", "http://all"),
        ("env", {"HTTP_PROXY": "http://forged", "REQUEST_METHOD": "GET"}, "http://a.example", None),
        ("env", {}, "https://a.example", None),
    ],
)
def test_proxy(setting, environ, url, expected):
    """A proxy applies where one was asked for: by URL, or as the usual variables have it; never to this machine."""
    assert where(environ | {"TCC_PROXY": setting, "TCC_URL": url}).endpoint("traces").proxy == expected


def test_a_wrong_proxy_variable_is_named():
    """With `env`, a proxy that we cannot use is no reason to go past it."""
    with pytest.raises(ConfigurationError, match=r"^`ALL_PROXY` must be like http://host:3128 or ") as caught:
        where({"ALL_PROXY": f"socks5://u:{KEY}@p", "TCC_PROXY": "env", "TCC_URL": "https://a.example"})

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("configured", "environ", "platform", "expected"),
    [
        (None, {"HOME": "/h"}, "linux", "/h/.local/state/contextcompany/outbox"),
        (None, {"HOME": "/h", "XDG_STATE_HOME": "/s"}, "linux", "/s/contextcompany/outbox"),
        (None, {"HOME": "/h", "XDG_STATE_HOME": "s"}, "linux", "/h/.local/state/contextcompany/outbox"),
        (None, {"HOME": "/h"}, "darwin", "/h/Library/Application Support/contextcompany/outbox"),
        (None, {"LOCALAPPDATA": "/l"}, "win32", "/l/contextcompany/outbox"),
        (None, {"USERPROFILE": "/u"}, "win32", "/u/AppData/Local/contextcompany/outbox"),
        ("~/x", {"HOME": "/h"}, "linux", "/h/x"),
        ("~", {"HOME": "/h"}, "linux", "/h"),
        ("/a/~/b", {"HOME": "/h"}, "linux", "/a/~/b"),
        ("x", {}, "linux", str(Path("x").absolute())),
        (Path("/x"), {}, "linux", "/x"),
    ],
)
def test_outbox_dir(configured, environ, platform, expected):
    """As configured, else the platform's place for a user's state; always absolute."""
    assert outbox_dir(resolve({"outbox_dir": configured}, environ), environ, platform) == Path(expected)


def test_outbox_dir_without_a_home(monkeypatch):
    """A user without a home has a directory too, if one that cannot be made."""
    monkeypatch.setattr(Path, "home", Path("~nobody-of-that-name").expanduser)

    assert outbox_dir(resolve({}, {}), {}, "linux") == Path("/.local/state/contextcompany/outbox")


# Anything at all in the environment.

URL_VARIABLES = [
    "TCC_URL",
    "TCC_BASE_URL",
    "TCC_FEEDBACK_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
]
# Lone surrogates too: they are how os.environ spells bytes that are not UTF-8.
ANY_TEXT = st.text(st.characters()).filter(lambda text: KEY not in text)
SECRET = st.just(KEY) | ANY_TEXT.map(lambda noise: noise + KEY + noise)
SCRAPS = st.lists(st.sampled_from(["://", "/", ":", "@", "?", "#", "[", "]", "::1", "1", "h", ".", " "])).map("".join)
ANY_URL = ANY_TEXT | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:/", "ftp://", ""]),
    st.builds("{}:{}@".format, SCRAPS | ANY_TEXT, SECRET) | st.just(""),
    st.sampled_from(["h", "localhost", "127.0.0.1", "[::1]", "a.example:1"]) | SCRAPS,
    st.builds("{}?{}".format, SCRAPS, SECRET) | SCRAPS,
)


def outcome(environ, **own):
    try:
        settings = resolve({}, environ)
        there = destination(settings, environ, **own)
    except ConfigurationError as error:
        return str(error)
    assert there.traces_url.lower().startswith(("http://", "https://"))
    assert there.logs_url.lower().startswith(("http://", "https://"))
    return f"{settings} {there} {there.source}"


@given(
    st.fixed_dictionaries(
        {},
        optional={setting.variable: ANY_TEXT for setting in SETTINGS if setting.variable}
        | dict.fromkeys(URL_VARIABLES, ANY_URL)
        | {"TCC_API_KEY": SECRET},
    )
)
def test_any_environment(environ):
    """Whatever the variables hold, there are values or a ConfigurationError, and neither shows the key."""
    shown = outcome(environ)

    assert KEY not in shown
    shown.encode()


@given(st.sampled_from(URL_VARIABLES), ANY_URL, SECRET | st.just(""), SECRET | st.none(), ANY_URL | st.none())
def test_any_url(variable, value, configured, api_key, url):
    """Whatever a URL looks like, neither the destination nor the error shows a password, query or key."""
    shown = outcome({variable: value, "TCC_API_KEY": configured}, api_key=api_key, url=url)

    assert KEY not in shown
    shown.encode()
