"""What a long life costs: a million runs in one process, and ten thousand that are open at once."""

from processes import Figures, receiver, work

__all__ = ["compare"]

OPEN = 10_000
TIMEOUT_S = 3600


def compare(runs: int, opened: int = OPEN) -> dict[str, object]:
    with receiver() as url:
        long = work("life", url, runs, timeout=TIMEOUT_S)
        show_life(long)
        many = work("crowd", url, opened, timeout=TIMEOUT_S)
        show_crowd(many, opened)
    return {"life": long, "crowd": many}


def show_life(figures: Figures) -> None:
    print(f"{'runs':>10}{'app µs/run':>12}{'CPU µs/run':>12}{'memory MB':>11}{'disk MB':>9}{'threads':>9}")
    for row in figures["tenths"]:
        print(
            f"{row['runs']:10,.0f}{row['app_us']:12.0f}{row['cpu_us']:12.0f}{row['rss_mb']:11.0f}{row['disk_mb']:9.1f}"
            f"{row['threads']:9.0f}"
        )
    print(f"{figures['lost_spans']:.0f} of {figures['spans']:,.0f} spans did not arrive\n")


def show_crowd(figures: Figures, opened: int) -> None:
    print(f"{opened:,} runs open at once, each with an open step:")
    print(f"  to open one {figures['open_us']:.0f} µs, to end one {figures['end_us']:.0f} µs")
    print(f"  memory of one {figures['kb_each']:.1f} KB; on disk {figures['disk_mb']:.1f} MB for when the process dies")
    print(f"  CPU while they are open and nothing happens {figures['idle_percent']:.1f} % of a core")
    print(f"  longest wait of another thread {figures['max_ms']:.0f} ms while they are opened and ended")
    print(f"  {figures['lost_spans']:.0f} spans did not arrive")
