"""`contextcompany delete`, `prune`, `backup` and `reprice`: what is kept of runs, and what they are said to cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contextcompany import _words
from contextcompany.commands import CommandError, agreed, naming, say
from contextcompany.commands.store import opened, say_context
from contextcompany.observatory import queries, repricing
from contextcompany.observatory.store import Retention

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from contextcompany.observatory.contexts import Repriced
    from contextcompany.observatory.store import Store

__all__ = ["backup", "delete", "prune", "reprice"]

_MODELS_NAMED = 5


def delete(options: argparse.Namespace) -> int:
    """Delete runs that are named, or that a filter lets through, with all that was said in them."""
    if not options.run and not (options.filter or "").strip():
        said = "Nothing says what is to be deleted: name runs, or give --filter. `kind:run` is every run."
        raise CommandError(said, code=2)
    with opened(options, can_write=True) as store:
        ids = [*dict.fromkeys(_chosen(store, options))]
        question = f"Delete {_words.counted(len(ids), 'run')} in {store.path}?"
        if ids and not options.yes and not agreed(question):
            say("Nothing is deleted.")
            return 1
        count = store.delete(ids)
    if options.json:
        say({"runs": count})
    else:
        say(f"Deleted: {_words.counted(count, 'run')}." if count else "There was nothing to delete.")
    return 0


def _chosen(store: Store, options: argparse.Namespace) -> Iterator[str]:
    if options.filter is not None:
        yield from queries.trace_ids(store, options.filter)
    for run_id in options.run:
        yield naming.exactly(store, run_id)


def prune(options: argparse.Namespace) -> int:
    """Delete runs that are too old, and the oldest where there is too much."""
    if options.max_age is None and options.max_size is None:
        raise CommandError("Nothing says what is to be kept: give --max-age, --max-size, or both.", code=2)
    with opened(options, can_write=True) as store:
        pruned = store.prune(Retention(options.max_age, options.max_size))
    if options.json:
        say({"runs": pruned.runs, "bytes": pruned.size})
    else:
        said = f"Deleted: {_words.counted(pruned.runs, 'run')}." if pruned.runs else "There was nothing to delete."
        say(said + (f" The file is {_words.size(pruned.size)} smaller." if pruned.size else ""))
    return 0


def backup(options: argparse.Namespace) -> int:
    """Copy the file while it is in use."""
    with opened(options) as store:
        store.backup(options.file)
    size = options.file.stat().st_size
    if options.json:
        say({"file": str(options.file), "bytes": size})
    else:
        say(f"{options.file} is a copy of {store.path}: {_words.size(size)}.")
    return 0


def reprice(options: argparse.Namespace) -> int:
    """Calculate anew what was not provided."""
    with opened(options, can_write=not options.dry_run) as store:
        done = repricing.reprice(store, " ".join(options.filter), is_dry=options.dry_run)
    if options.json:
        say_context(done)
    else:
        say("\n".join(_repriced(done, is_dry=options.dry_run)))
    return 0


def _repriced(done: Repriced, *, is_dry: bool) -> list[str]:
    looked = f"{_words.counted(done.runs, 'run')} with costs that nobody provided"
    if done.changed:
        costs = "would cost" if is_dry else "cost"
        lines = [f"By {done.price_table}, {done.changed:,} of {looked} {costs} something else:"]
        lines.append(f"${done.before:,.4f} before, ${done.after:,.4f} now.")
    else:
        lines = [f"By {done.price_table}, nothing changes: there {_are(done.runs)} {looked}."]
    if done.unpriced:
        stay = "stays" if done.unpriced == 1 else "stay"
        lines.append(f"{_words.counted(done.unpriced, 'call')} {stay} unpriced, of {_named(done.models)}.")
    return lines


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _named(models: list[str]) -> str:
    named = [model or "a model that is not named" for model in models[:_MODELS_NAMED]]
    more = len(models) - len(named)
    return ", ".join(named) + (f" and {_words.counted(more, 'other')}" if more else "")
