"""Agno, recorded by an OpenTelemetry instrumentor that others maintain."""

from contextcompany._instrument import instrument_framework

__all__ = ["instrument_agno"]


def instrument_agno(api_key: str | None = None, tcc_url: str | None = None) -> None:
    """Switch on the installed instrumentor for Agno: `instrument("agno")`.

    Args:
        api_key: As in `configure()`.
        tcc_url: `url` as in `configure()`.

    Raises:
        ConfigurationError: (a `ValueError`) no instrumentor is installed, or the key or URL is wrong.
    """
    instrument_framework("agno", api_key, tcc_url)
