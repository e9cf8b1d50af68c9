// The runs above and below in the list that somebody came from.

const KEY = "runs";

/** Remember where the list is and what is on it. */
export function remember(runs) {
  sessionStorage.setItem(KEY, JSON.stringify({ href: location.pathname + location.search, runs }));
}

/** The way back, and the runs before and after this one; of the newest runs when no list was seen. */
export async function nearby(run) {
  let { href, runs } = JSON.parse(sessionStorage.getItem(KEY) ?? "null") ?? { href: "/runs", runs: [] };
  if (!runs.includes(run)) {
    const answer = await fetch("/api/runs?limit=200");
    if (!answer.ok) return { href: "/runs", previous: null, next: null };
    runs = (await answer.json()).runs.map((each) => each.trace_id);
    href = "/runs";
  }
  const at = runs.indexOf(run);
  return { href, previous: at > 0 ? runs[at - 1] : null, next: at >= 0 ? (runs[at + 1] ?? null) : null };
}
