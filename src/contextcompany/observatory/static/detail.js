// The selected span: its tabs in place, and finding something in it.

import { reveal } from "./base.js";

const LEAST = 12; // leaves of a tree that are worth a search

/** Shows a span of a run in an element that has one already, as the server made it. */
export class Detail {
  #element;
  #run;
  #asked = null;

  constructor(element, run) {
    this.#element = element;
    this.#run = run;
    this.tab = new URLSearchParams(location.search).get("tab") ?? "";
    this.raw = new URLSearchParams(location.search).has("raw");
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("input", (event) => event.target.matches(".tree-find") && narrow(element, event.target.value));
    this.#ready();
  }

  /** Dispatches `shown` on the element when it is there. */
  async show(id, tab = this.tab, raw = this.raw) {
    const top = id === this.id && tab === this.tab && raw === this.raw ? this.#element.scrollTop : 0;
    [this.id, this.tab, this.raw] = [id, tab, raw];
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    const query = new URLSearchParams({ ...(tab && { tab }), ...(raw && { raw: 1 }) });
    this.#element.querySelector(".span-body")?.classList.add("loading");
    try {
      const answer = await fetch(`/runs/${this.#run}/spans/${id}/part?${query}`, { signal: asked.signal });
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      const html = await answer.text();
      if (asked.signal.aborted) return;
      this.#element.innerHTML = html;
      this.#ready();
      this.#element.scrollTop = top;
      this.#element.dispatchEvent(new Event("shown"));
    } catch (error) {
      if (error.name === "AbortError") return;
      const said = document.createElement("p");
      said.className = "notice";
      said.dataset.kind = "error";
      said.textContent = `The span could not be loaded: ${error.message}. Is the Observatory running?`;
      this.#element.replaceChildren(said);
    }
  }

  /** The tab with that number, from 1. */
  open(number) {
    this.#element.querySelectorAll("[data-tab]")[number - 1]?.click();
  }

  #click(event) {
    const link = event.target.closest(".tabs a, .as a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const isTab = link.dataset.tab !== undefined;
    const tab = link.dataset.tab ?? this.#element.querySelector("[data-tab][aria-current]").dataset.tab;
    const raw = isTab ? false : new URL(link.href).searchParams.has("raw");
    this.#element.addEventListener("shown", () => this.#focus(isTab, tab), { once: true });
    this.show(this.id, tab, raw);
  }

  #focus(isTab, tab) {
    const again = isTab ? `[data-tab="${tab}"]` : ".as [aria-current]";
    this.#element.querySelector(again)?.focus({ preventScroll: true });
  }

  #ready() {
    reveal(this.#element);
    const body = this.#element.querySelector(".span-body");
    if (!body || body.querySelectorAll(".tree .leaf").length < LEAST) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "search", className: "field tree-find", placeholder: "Find in these values" });
    field.setAttribute("aria-label", "Find in these values");
    (body.querySelector(".as") ?? body).prepend(field);
  }
}

/** Show of trees only what has `text` in it. */
function narrow(element, text) {
  const wanted = text.trim().toLowerCase();
  const has = (each) => each.textContent.toLowerCase().includes(wanted);
  for (const leaf of element.querySelectorAll(".tree .leaf")) leaf.hidden = !has(leaf);
  for (const branch of element.querySelectorAll(".tree details:not(.rest)")) {
    const isFound = Boolean(wanted) && has(branch);
    branch.hidden = Boolean(wanted) && !isFound;
    if (isFound) branch.open = true;
    if (isFound && has(branch.firstElementChild)) for (const leaf of branch.querySelectorAll(".leaf")) leaf.hidden = false;
  }
}
