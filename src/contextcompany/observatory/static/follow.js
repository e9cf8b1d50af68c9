// What happens in a run while somebody looks at it.

const PAUSE_MS = 300; // between two times that the page changes
const TICK_MS = 1000;
const LATE_MS = 60_000; // so long after it ended something may still come

/** Calls `does.spans(lines)`, `does.run(run)`, `does.gone()` and, while it is running, `does.tick(end)`. */
export function follow(run, { change, state, start_ns: startNs, end }, does) {
  const isRecent = Date.now() - (startNs / 1e6 + end / 1000) < LATE_MS;
  if (state !== "running" && state !== "lost" && !isRecent) return;
  let stream = null;
  let waiting = { lines: [], run: null };
  let timer = 0;

  const later = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      const now = waiting;
      waiting = { lines: [], run: null };
      if (now.lines.length) does.spans(now.lines);
      if (now.run) does.run(now.run);
    }, PAUSE_MS);
  };
  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(`/api/runs/${run}/events?since=${change}`);
    const on = (name, take) =>
      stream.addEventListener(name, (event) => {
        if (event.lastEventId) change = event.lastEventId;
        take(JSON.parse(event.data));
        later();
      });
    on("spans", (lines) => waiting.lines.push(...lines));
    on("run", (told) => {
      waiting.run = told;
      state = told.state;
    });
    on("gone", () => {
      stream.close();
      does.gone();
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return open();
    stream?.close();
    stream = null;
  });
  setInterval(() => state === "running" && !document.hidden && does.tick(Math.round(Date.now() * 1000 - startNs / 1000)), TICK_MS);
  open();
}
