"""The Claude Agent SDK, recorded by an OpenTelemetry instrumentor that others maintain."""

from types import ModuleType

from contextcompany._instrument import instrument_framework

__all__ = ["instrument_claude_agent"]


def instrument_claude_agent(api_key: str | None = None, tcc_url: str | None = None) -> ModuleType:
    """Switch on the installed instrumentor for the Claude Agent SDK: `instrument("claude_agent_sdk")`.

    Args:
        api_key: As in `configure()`.
        tcc_url: `url` as in `configure()`.

    Returns:
        The module `claude_agent_sdk`, whose `query()` is recorded from now on.

    Raises:
        ConfigurationError: (a `ValueError`) no instrumentor is installed, or the key or URL is wrong.
        ImportError: `claude_agent_sdk` is not installed.
    """
    instrument_framework("claude_agent_sdk", api_key, tcc_url)
    import claude_agent_sdk  # noqa: PLC0415 - after it was patched

    return claude_agent_sdk  # type: ignore[no-any-return]  # it may not be installed where types are checked
