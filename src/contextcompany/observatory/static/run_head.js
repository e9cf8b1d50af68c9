// What is above every view of a run: the way back, and to the runs around it in the list.

import { toast } from "./base.js";
import { onKey } from "./keys.js";
import { nearby } from "./nearby.js";

const byId = (id) => document.getElementById(id);
const { run } = byId("run-head").dataset;
const view = location.pathname.match(/\/(?:conversation|log|graph)$/)?.[0] ?? "";
const whereIs = (other) => `/runs/${other}${view}`;
let around = { href: "/runs", previous: null, next: null };

/** Make the links lead where they should; again after the head was replaced. */
export function lead() {
  byId("back").href = around.href;
  document.querySelector(".nearby").hidden = !around.previous && !around.next;
  for (const [id, to] of [["previous-run", around.previous], ["next-run", around.next]]) {
    if (to) byId(id).href = whereIs(to);
    else byId(id).removeAttribute("href");
    byId(id).setAttribute("aria-disabled", !to);
  }
}

function go(to, end) {
  if (to) location.assign(whereIs(to));
  else toast(`This is the ${end} run of the list.`);
}

nearby(run).then((known) => {
  around = known;
  lead();
});

onKey("n", () => go(around.next, "last"));
onKey("p", () => go(around.previous, "first"));
