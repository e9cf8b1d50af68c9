// The page of a run.

import { reveal, toast } from "./base.js";
import { Detail } from "./detail.js";
import { divide } from "./divider.js";
import { Find } from "./find.js";
import { follow } from "./follow.js";
import { onKey } from "./keys.js";
import { lead } from "./run_head.js";
import { Spans } from "./spans.js";
import { Tree } from "./tree.js";

const PAUSE_MS = 90; // after the last step through the tree, before a span is loaded
const byId = (id) => document.getElementById(id);
const head = byId("run-head");
const run = head.dataset.run;
const url = new URL(location.href);
const columns = JSON.parse(byId("spans").textContent);
const spans = new Spans(columns);
const isNarrow = matchMedia("(max-width: 62rem)");

document.documentElement.classList.add("scripted");
byId("paging")?.remove();
byId("none")?.remove();

const hrefOf = (id) => {
  const to = new URL(url);
  to.searchParams.set("span", id);
  to.searchParams.delete("since");
  to.hash = "";
  return to.pathname + to.search;
};
const tree = new Tree(byId("grid"), spans, hrefOf);
const detail = new Detail(byId("span"), run);

// --- what is shown ---------------------------------------------------------------------------------------------------

const find = new Find(run, spans, tree, url.searchParams);
const foldAll = byId("fold-all");
foldAll.hidden = false;
foldAll.addEventListener("click", () => fold(foldAll.getAttribute("aria-pressed") !== "true"));

function fold(isFolded) {
  foldAll.setAttribute("aria-pressed", isFolded);
  tree.foldAll(isFolded);
}

head.addEventListener("click", (event) => {
  if (!event.target.closest("#first-error")) return;
  event.preventDefault();
  find.error({ isFirst: true });
});
document.querySelector(".only").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  find.only(link.dataset.only);
  history.replaceState(null, "", hrefOf(spans.id[tree.current]));
});

// --- the selected span -----------------------------------------------------------------------------------------------

let timer = 0;
tree.addEventListener("select", ({ detail: { id, opens, isClick } }) => {
  clearTimeout(timer);
  if (isNarrow.matches) {
    if (opens || isClick) location.assign(`/runs/${run}/spans/${id}`);
    return;
  }
  if (opens) byId("span").focus();
  if (detail.id === id) return;
  timer = setTimeout(() => detail.show(id), PAUSE_MS);
  history.replaceState(null, "", hrefOf(id));
});
byId("span").addEventListener("shown", () => {
  for (const [name, value] of [["tab", detail.tab], ["raw", detail.raw ? "1" : ""]]) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", hrefOf(detail.id));
});

const first = spans.numberOf(url.searchParams.get("span") ?? "") ?? spans.numberOf(byId("split").dataset.span) ?? 0;
detail.id = spans.id[first];
tree.go(first, { quiet: true, center: true, focus: !isNarrow.matches && document.activeElement === document.body });
divide(byId("split"), byId("divider"), "run.split");
performance.mark("interactive");

// --- what comes ------------------------------------------------------------------------------------------------------

follow(run, columns, {
  spans(lines) {
    spans.put(lines);
    find.show();
    if (lines.some((line) => line.span_id === detail.id) && !isNarrow.matches) detail.show(detail.id);
  },
  async run() {
    const answer = await fetch(`/runs/${run}/head`);
    if (!answer.ok || head.contains(document.activeElement) || head.querySelector("details[open]")) return;
    head.innerHTML = await answer.text();
    reveal(head);
    lead();
  },
  gone: () => toast("This run was deleted."),
  tick(end) {
    spans.end = Math.max(spans.end, end);
    tree.refresh();
  },
});

// --- keys ------------------------------------------------------------------------------------------------------------

onKey("/", () => find.focus());
onKey("j", () => tree.step(1));
onKey("k", () => tree.step(-1));
onKey("e", () => find.error());
onKey("*", () => fold(false));
onKey("-", () => fold(true));
onKey("Escape", () => tree.focus());
for (let number = 1; number <= 7; number += 1) onKey(String(number), () => detail.open(number));
