"""LangChain and LangGraph, recorded by an OpenTelemetry instrumentor that others maintain."""

from contextcompany._instrument import instrument_framework

__all__ = ["instrument_langchain"]


def instrument_langchain(api_key: str | None = None, tcc_url: str | None = None) -> None:
    """Switch on the installed instrumentor for LangChain and LangGraph: `instrument("langchain")`.

    Args:
        api_key: As in `configure()`.
        tcc_url: `url` as in `configure()`.

    Raises:
        ConfigurationError: (a `ValueError`) no instrumentor is installed, or the key or URL is wrong.
    """
    instrument_framework("langchain", api_key, tcc_url)
