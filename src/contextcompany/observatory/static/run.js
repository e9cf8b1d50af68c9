// The page of a run.

import { reveal, toast } from "./base.js";
import { Detail } from "./detail.js";
import { divide } from "./divider.js";
import { follow } from "./follow.js";
import { onKey } from "./keys.js";
import { lead } from "./run_head.js";
import { Spans } from "./spans.js";
import { Tree } from "./tree.js";

const PAUSE_MS = 90; // after the last step through the tree, before a span is loaded
const LOOK_MS = 250; // after the last letter, before what was said is looked through
const LEAST = 2; // letters to look for
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

const find = byId("find");
const found = byId("found");
let only = url.searchParams.get("only") ?? "";
let isOnlyMatches = url.searchParams.has("find");
let matches = [];
let said = { text: "", numbers: [] }; // where it stands in what was said, which the Observatory looks up

function show() {
  matches = spans.find(find.value);
  if (find.value.trim() && said.text === find.value.trim()) {
    const all = new Set([...matches, ...said.numbers]);
    matches = [...spans.order].filter((number) => all.has(number));
  }
  const isSought = find.value.trim() !== "";
  let asked = only ? spans.of(only) : null;
  if (only && isSought) matches = matches.filter((number) => (only === "error" ? spans.status : spans.kind)[number] === only);
  if (isSought && isOnlyMatches) asked = matches;
  tree.show(asked, matches);
  found.textContent = isSought ? `${matches.indexOf(tree.current) + 1 || "–"} of ${matches.length.toLocaleString("en")}` : "";
  for (const each of document.querySelectorAll("[data-only]")) {
    if (each.dataset.only === only) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  byId("before").hidden = byId("after").hidden = byId("narrow").hidden = !isSought;
  byId("narrow").setAttribute("aria-pressed", isOnlyMatches);
  for (const [name, value] of [["only", only], ["find", isOnlyMatches ? find.value.trim() : ""]]) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  url.searchParams.delete("since");
}

function match(step, focus = false) {
  if (!matches.length) return toast("Nothing in this run is like that.");
  const here = spans.place[tree.current];
  const places = matches.map((number) => spans.place[number]);
  const later = places.findIndex((place) => place > here);
  const at = step > 0 ? (later < 0 ? 0 : later) : places.findLastIndex((place) => place < here);
  tree.go(matches.at(at), { center: true, focus });
  found.textContent = `${matches.indexOf(tree.current) + 1} of ${matches.length.toLocaleString("en")}`;
}

function nextError() {
  const failed = spans.of("error").filter((number) => !only || only === "error" || spans.kind[number] === only);
  if (!failed.length) return toast("Nothing in this run failed.");
  const here = spans.place[tree.current];
  goToError(failed.find((number) => spans.place[number] > here) ?? failed[0]);
}

function goToError(number) {
  if (!tree.has(number)) {
    only = "";
    isOnlyMatches = false;
    show();
  }
  tree.go(number, { center: true, focus: true });
}

head.addEventListener("click", (event) => {
  if (!event.target.closest("#first-error")) return;
  event.preventDefault();
  goToError(spans.of("error")[0]);
});

const foldAll = byId("fold-all");
foldAll.hidden = false;
foldAll.addEventListener("click", () => fold(foldAll.getAttribute("aria-pressed") !== "true"));

function fold(isFolded) {
  foldAll.setAttribute("aria-pressed", isFolded);
  tree.foldAll(isFolded);
}

find.form.addEventListener("submit", (event) => {
  event.preventDefault();
  match(1);
});

async function lookUp() {
  const text = find.value.trim();
  if (text.length < LEAST || text === said.text) return;
  const answer = await fetch(`/api/runs/${run}/search?${new URLSearchParams({ q: text })}`).catch(() => null);
  if (!answer?.ok || text !== find.value.trim()) return;
  const told = await answer.json();
  said = { text, numbers: told.span_ids.map((id) => spans.numberOf(id)).filter((number) => number !== undefined) };
  sought();
  const left = told.spans - told.looked;
  found.title = left ? `What was said was looked through in the first ${told.looked.toLocaleString("en")} spans that came` : "";
}

function sought() {
  show();
  if (matches.length && !matches.includes(tree.current)) match(1);
}

let lookTimer = 0;
find.addEventListener("input", () => {
  isOnlyMatches &&= find.value.trim() !== "";
  sought();
  clearTimeout(lookTimer);
  lookTimer = setTimeout(lookUp, LOOK_MS);
});
find.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.shiftKey) {
    event.preventDefault();
    match(-1);
  } else if (event.key === "Escape") {
    find.value = "";
    isOnlyMatches = false;
    show();
    tree.focus();
  } else if (event.key === "ArrowDown") {
    event.preventDefault();
    tree.focus();
  }
});
byId("before").addEventListener("click", () => match(-1));
byId("after").addEventListener("click", () => match(1));
byId("narrow").addEventListener("click", () => {
  isOnlyMatches = !isOnlyMatches;
  show();
});
document.querySelector(".only").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  only = link.dataset.only;
  show();
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
show();
lookUp();
tree.go(first, { quiet: true, center: true, focus: !isNarrow.matches && document.activeElement === document.body });
divide(byId("split"), byId("divider"), "run.split");
performance.mark("interactive");

// --- what comes ------------------------------------------------------------------------------------------------------

follow(run, columns, {
  spans(lines) {
    spans.put(lines);
    show();
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

onKey("/", () => find.select());
onKey("j", () => tree.step(1));
onKey("k", () => tree.step(-1));
onKey("e", nextError);
onKey("*", () => fold(false));
onKey("-", () => fold(true));
onKey("Escape", () => tree.focus());
for (let number = 1; number <= 7; number += 1) onKey(String(number), () => detail.open(number));
