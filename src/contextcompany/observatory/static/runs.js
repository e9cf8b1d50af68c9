// The page of the list of runs.

import { brush } from "./brush.js";
import { onKey } from "./keys.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { remember } from "./nearby.js";
import { Picked } from "./picked.js";

const table = document.getElementById("runs");
const pause = document.getElementById("pause");
const news = document.getElementById("news");

function current() {
  return document.activeElement?.closest("tr[data-run]");
}

function go(step) {
  const rows = [...table.querySelectorAll("tr[data-run]")];
  const at = rows.indexOf(current());
  const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  row?.querySelector(".c-name a").focus();
  row?.scrollIntoView({ block: "nearest" });
}

const REDRAW_MS = 2000;
let redrawn = 0;

function drawn() {
  const figure = document.getElementById("timeline");
  if (!figure) return;
  brush(figure, (since, until) => {
    const url = new URL(location.href);
    url.searchParams.set("filter", `${figure.dataset.filter} since:${since} until:${until}`.trim());
    url.searchParams.delete("after");
    location.assign(url);
  });
}

/** The chart anew, after rows have come or gone; not all the time. */
function redraw() {
  if (redrawn) return; // it is about to be, however much comes until then
  redrawn = setTimeout(async () => {
    redrawn = 0;
    const answer = await fetch(`/runs/timeline${location.search}`);
    const figure = document.getElementById("timeline");
    if (!answer.ok || !figure || figure.matches(":focus-within, :active")) return;
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    figure.replaceWith(made.content);
    drawn();
  }, REDRAW_MS);
}

drawn();

if (!table) {
  // Nothing is listed: when something comes that should be, so it is.
  const filter = new URLSearchParams(location.search).get("filter") ?? "";
  if (!document.getElementById("wrong")) {
    const stream = new EventSource(`/api/events?${new URLSearchParams({ filter, since: news.dataset.change })}`);
    for (const name of ["run", "reload"]) stream.addEventListener(name, () => location.reload());
    addEventListener("pagehide", () => stream.close());
  }
} else {
  const list = new List(table, document.getElementById("more"));
  const picked = new Picked(table, document.getElementById("picked"));
  const isFirst = !new URLSearchParams(location.search).has("after");
  const live = new Live(list, { pause, news, isFirst, first: table.dataset.first }, news.dataset.change);

  addEventListener("pagehide", () => remember([...list.rows().keys()]));
  table.addEventListener("deleted", (event) => list.replace(event.detail, new Map()));
  table.addEventListener("news", redraw);
  table.addEventListener("rows", () => list.isEmpty() && location.reload()); // it says why nothing is listed
  table.addEventListener("click", (event) => {
    const link = event.target.closest("tr[data-run]")?.querySelector(".c-name a");
    if (!link || event.target.closest("a, input, button, label") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else location.assign(link.href);
  });

  onKey("j", () => go(1));
  onKey("k", () => go(-1));
  onKey("ArrowDown", () => go(1));
  onKey("ArrowUp", () => go(-1));
  onKey("x", () => current() && picked.toggle(current()));
  onKey("p", () => live.toggle());
  onKey("Escape", () => picked.clear());
}
