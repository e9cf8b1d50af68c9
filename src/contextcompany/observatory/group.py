"""What one transaction writes: the spans that came find their runs, which are counted, and become rows."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final

from contextcompany.observatory import sql
from contextcompany.observatory.database import put, put_counts
from contextcompany.observatory.preparing import dumps
from contextcompany.observatory.settling import About, Rollups, Settled, counted, settled, topmost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contextcompany.observatory.fold import Feedback
    from contextcompany.observatory.memory import Known, Memory
    from contextcompany.observatory.preparing import Incoming, IncomingLog, Prepared
    from contextcompany.observatory.rows import RunRow, SpanRow
    from contextcompany.observatory.settling import Counted, Counting, Pricing, Top

__all__ = ["SETTLED_AT_ONCE", "Group"]

SETTLED_AT_ONCE: Final = 500
"""Spans of a run up to which its counts are made in the transaction that brings new ones."""


class Group:
    """Rows that one transaction writes."""

    def __init__(self, memory: Memory, price: Pricing | None, now_ns: int) -> None:
        self._memory = memory
        self._price = price
        self._now_ns = now_ns
        self._bodies: dict[bytes, int] = {}
        self._spans: list[SpanRow] = []
        self._wires: list[tuple[Any, ...]] = []
        self._pieces: list[tuple[int, int, int, int]] = []
        self._runs: list[RunRow] = []
        self._names: set[tuple[str, str, int]] = set()
        self._rollups = Rollups()
        self._replaced: list[SpanRow] = []
        self._late = 0

    def write(self, batches: list[Prepared]) -> None:
        """Put into the file what came."""
        self._bodies = self._memory.ids_of_bodies(batches)
        by_trace: dict[str, list[Incoming]] = {}
        for each in chain.from_iterable(batch.spans for batch in batches):
            by_trace.setdefault(each.trace_id, []).append(each)
        before = self._memory.runs(by_trace)
        for trace_id, incoming in by_trace.items():
            self._take(trace_id, incoming, before.get(trace_id))
        self._put()
        self._put_logs([log for batch in batches for log in batch.logs])

    def settle(self, trace_id: str, count: Counting = counted) -> Settled:
        """Count a run again."""
        before = self._memory.runs([trace_id])[trace_id]
        rows = self._memory.spans(before.id)
        made = count(rows, self._price)
        self._settled(before.id, trace_id, rows, made, About.of(before), topmost(rows))
        settled = Settled(before, self._runs[-1], made.rows)
        self._put()
        return settled

    def _take(self, trace_id: str, incoming: list[Incoming], before: RunRow | None) -> None:
        """Find a place for the spans of one trace."""
        run = self._memory.known(trace_id, before.id if before else None)
        is_small = before is None or before.spans + len(incoming) <= SETTLED_AT_ONCE
        if before is None:
            old = []
        elif is_small:
            old = self._memory.spans(run.id)
        else:
            old = self._memory.some_spans(run.id, [each.row.span_id for each in incoming])
        here = {row.span_id: row for row in old}
        new = self._newest(incoming, here)
        agent = next(filter(None, [before and before.agent, *(each.about.agent for each in new.values())]), None)
        rows = {}
        for span_id, each in new.items():
            replaced = here.pop(span_id, None)
            if replaced is not None:
                self._replaced.append(replaced)
                if replaced.is_settled:
                    self._rollups.add(replaced, -1)
            id_ = replaced.id if replaced is not None else self._memory.next_id(1)
            rows[span_id] = each.row._replace(id=id_, run=run.id, agent=each.row.agent or agent, seen_ns=self._now_ns)
            self._keep(run, id_, each)
        if not new:
            return
        if is_small:
            top = topmost([*here.values(), *rows.values()])
            about = _together([*new.values()], before, top.row.span_id)
            made = counted([*here.values(), *rows.values()], self._price)
            self._settled(run.id, trace_id, [*here.values()], made, about, top)
            self._name(run.id, rows.values(), about)
        elif before is not None:
            self._grown(before, [*rows.values()], [*new.values()], len(old) - len(here))

    def _newest(self, incoming: list[Incoming], here: dict[str, SpanRow]) -> dict[str, Incoming]:
        """What is to be kept of each span: the last one, but no snapshot that came after its final span."""
        new: dict[str, Incoming] = {}
        for each in incoming:
            earlier = new[each.row.span_id].row if each.row.span_id in new else here.get(each.row.span_id)
            if earlier is not None and earlier.end_ns and not each.row.end_ns:
                self._late += 1
            else:
                new[each.row.span_id] = each
        return new

    def _keep(self, run: Known, id_: int, each: Incoming) -> None:
        """The span's bytes and long texts."""
        cuts = []
        for at, digests in each.cuts:
            previous = 0
            for digest in digests:
                key = (previous, self._bodies[digest])
                number = run.pieces.get(key)
                if number is None:
                    number = run.pieces[key] = len(run.pieces) + 1
                    self._pieces.append((run.id, number, *key))
                previous = number
            cuts.append((at, previous))
        self._wires.append((id_, self._memory.envelope(each.envelope), dumps(cuts), each.left))

    def _settled(
        self,
        run: int,
        trace_id: str,
        old: list[SpanRow],
        made: Counted,
        about: About,
        top: Top,
    ) -> None:
        """All spans of the run are here and counted, first those that were there before."""
        for before, row in zip_longest(old, made.rows):
            changed = row._replace(is_settled=int(bool(row.end_ns)))
            if before == changed:
                continue
            if before is not None and before.is_settled:
                self._rollups.add(before, -1)
            self._rollups.add(changed)
            # That it is in the rollups now is no news to who watches.
            self._spans.append(changed if row == before else changed._replace(seen_ns=self._now_ns))
        about = about._replace(price_table=made.price_table or about.price_table)
        self._runs.append(settled(run, trace_id, made.rows, about, top))

    def _grown(self, before: RunRow, new: list[SpanRow], incoming: list[Incoming], replaced: int) -> None:
        """A large run: what can be said of it without the other spans."""
        self._spans += new
        about = _together(incoming, before, before.top)
        top = next((row for row in new if row.span_id == before.top), None)
        changed = before._replace(
            **about._asdict(), spans=before.spans + len(new) - replaced, seen_ns=max(row.seen_ns for row in new)
        )
        if top is not None:
            changed = changed._replace(
                status=top.status,
                status_message=top.status_message,
                error_type=top.error_type,
                is_open=int(not top.end_ns),
                end_ns=top.end_ns,
                duration_ns=top.end_ns - top.start_ns if top.end_ns else None,
            )
        # So that it is settled even where spans were replaced only.
        self._runs.append(changed._replace(settled_spans=min(before.settled_spans, changed.spans - 1)))
        self._name(before.id, new, about)

    def _name(self, run: int, rows: Iterable[SpanRow], about: About) -> None:
        for row in rows:
            said = (
                ("agent", row.agent),
                ("model", row.model),
                ("model", row.model_requested),
                ("provider", row.provider),
                ("error", row.error_type),
                ("tool", row.name if row.kind == "tool_call" else None),
                ("run_id", row.run_id if row.kind == "run" else None),
                ("run_id", about.run_id),
                ("user", about.user_id),
            )
            self._names.update((kind, name, run) for kind, name in said if name)

    def _put(self) -> None:
        connection = self._memory.connection
        if self._replaced:
            indexed = connection.execute("SELECT value FROM meta WHERE key = 'indexed_span'").fetchone()[0]
            changed = [row for row in self._replaced if row.id <= indexed]
            put(connection, "unindex_span", [(row.id, row.words) for row in changed])
            ids = {row.id for row in changed}
            put(connection, "index_spans", [(row.id, row.words) for row in self._spans if row.id in ids])
        put(connection, "put_spans", self._spans)
        put(connection, "put_wires", self._wires)
        put(connection, "put_pieces", self._pieces)
        put(connection, "put_runs", self._runs)
        put(connection, "put_names", [*self._names])
        put_counts(connection, self._rollups)
        if self._late:
            connection.execute(sql.text("write/add_meta"), (self._late, "refused_snapshots"))

    def _put_logs(self, logs: list[IncomingLog]) -> None:
        connection = self._memory.connection
        for each in logs:
            log, id_ = each.log, self._memory.next_id(3)
            envelope = self._memory.envelope(each.envelope)
            time_ns = log.time_ns or log.observed_ns
            said = each.feedback
            place = (log.trace_id, log.span_id) if said is None else self._about(said)
            row = (id_, *place, log.event_name, time_ns, each.digest, envelope, each.raw)
            put(connection, "put_logs", [row])
            if said is not None:
                about = (place[0], said.run_id, place[1], said.label, said.value, said.text, said.time_ns)
                connection.execute(sql.text("write/put_feedback"), (id_, *about))

    def _about(self, said: Feedback) -> tuple[str, str]:
        """The trace and the span that feedback is about, which its sender may know no more of than a run's id."""
        place = said.trace_id, said.span_id
        values = (said.trace_id, said.span_id, said.run_id)
        found = said.run_id and self._memory.connection.execute(sql.text("read/run_of_feedback"), values).fetchone()
        return found or place


def _together(incoming: list[Incoming], before: RunRow | None, top: str) -> About:
    """What the new spans say about their run: the topmost before what was known, and that before the others."""
    known = About.of(before) if before else About()
    first = [each.about for each in incoming if each.row.span_id == top]
    said = [*first, known, *(each.about for each in incoming)]
    prompt = next((each.prompt for each in said if each.prompt), None)
    response = next((each.response for each in (*first, *reversed(said)) if each.response), None)
    run_id, session_id, user_id, agent = (
        next(filter(None, each), None) for each in zip(*(s[:4] for s in said), strict=True)
    )
    size = sum(each.size for each in said[len(first) :])
    return About(run_id, session_id, user_id, agent, prompt, response, size, known.price_table)
