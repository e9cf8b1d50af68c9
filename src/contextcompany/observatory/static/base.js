// What all pages have beside what they show: keys, copying, dialogs, short messages, ages that grow.

import { Completion } from "./complete.js";
import "./drop.js";
import { onKey } from "./keys.js";

/** Say something for a few seconds. */
export function toast(text) {
  const said = document.createElement("p");
  said.className = "toast";
  said.textContent = text;
  document.getElementById("toasts").append(said);
  setTimeout(() => said.remove(), 4000);
}

/** Put text on the clipboard, which pages that did not come from this machine or by https may not. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser does not let this page copy. Select the text instead.");
  }
}

/** What a button copies: its own text, else what is said beside it. */
function copied(button) {
  const said = button.closest(".copyable")?.querySelectorAll("[data-said]") ?? [];
  return button.dataset.copy || [...said].map((each) => each.textContent).join("");
}

/** How long ago that was, in the words of `words.py`. */
export function age(ms, now = Date.now()) {
  const seconds = (now - ms) / 1000;
  if (seconds < 0 || seconds >= 604800) {
    if (Math.abs(seconds) <= 60) return "now";
    const parts = { day: "2-digit", month: "short", year: "numeric", timeZone: "UTC" };
    const told = new Intl.DateTimeFormat("en-US", parts).formatToParts(ms);
    const part = (type) => told.find((each) => each.type === type).value;
    return `${part("day")} ${part("month")} ${part("year")}`;
  }
  if (seconds < 1) return "now";
  if (seconds < 60) return seconds < 59.5 ? `${Math.round(seconds)} s ago` : "1 m ago";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** Moments of `words.py`, with what this person's clock said then. */
export function local(text) {
  return text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) UTC(?! \()/g, (moment, day, time) => {
    const at = new Date(`${day}T${time}Z`);
    return at.getTimezoneOffset() === 0 ? moment : `${moment} (${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })} here)`;
  });
}

function grow() {
  const now = Date.now();
  for (const each of document.querySelectorAll("time[data-age]")) {
    const said = age(Date.parse(each.dateTime), now);
    if (each.textContent !== said) each.textContent = said;
  }
}

/** What only works with scripts is shown where they run. */
export function reveal(inside) {
  for (const each of inside.querySelectorAll("[data-copy], [data-opens]")) each.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-opens]");
  if (button?.dataset.copy !== undefined) copy(copied(button));
  else if (button) document.getElementById(button.dataset.opens).showModal();
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (event.target instanceof HTMLDialogElement) event.target.close(); // beside the dialog
});

document.addEventListener("pointerover", (event) => {
  const told = event.target.closest?.("time[title], svg a");
  const title = told?.querySelector("title");
  if (title) title.textContent = local(title.textContent);
  else if (told?.title) told.title = local(told.title);
});

addEventListener(
  "keydown",
  (event) => {
    const menu = event.key === "Escape" && document.querySelector(".menu[open]");
    if (!menu) return;
    event.preventDefault(); // it closes no more than this
    menu.open = false;
    menu.querySelector("summary").focus();
  },
  { capture: true },
);

onKey("/", () => document.getElementById("filter").select());
onKey("?", () => document.getElementById("help").showModal());
const pages = { r: "/runs", s: "/sessions", t: "/tool_calls", f: "/feedback", e: "/failures", d: "/dashboard", ",": "/settings" };
for (const [key, path] of Object.entries(pages)) onKey(`g ${key}`, () => location.assign(path));

new Completion(document.getElementById("filter"));
reveal(document);
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }); // where it is wider
setInterval(grow, 5000);
