// Finding in a run: words in names and in what was said, kinds of spans, errors; one after another, or nothing but these.

import { toast } from "./base.js";

const LOOK_MS = 250; // after the last letter, before what was said is looked through
const LEAST = 2; // letters to look for there

const byId = (id) => document.getElementById(id);

/** What is shown of a tree, and where one is among what was found. */
export class Find {
  #run;
  #spans;
  #tree;
  #params;
  #field = byId("find");
  #found = byId("found");
  #narrow = byId("narrow");
  #only;
  #isOnlyMatches;
  #matches = [];
  #said = { text: "", numbers: [] }; // where it stands in what was said, which the Observatory looks up
  #timer = 0;

  /** `params` are those of the page's URL, which say what is shown; they are kept so. */
  constructor(run, spans, tree, params) {
    [this.#run, this.#spans, this.#tree, this.#params] = [run, spans, tree, params];
    this.#only = params.get("only") ?? "";
    this.#isOnlyMatches = params.has("find");
    this.#field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#match(1);
    });
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    byId("before").addEventListener("click", () => this.#match(-1));
    byId("after").addEventListener("click", () => this.#match(1));
    this.#narrow.addEventListener("click", () => {
      this.#isOnlyMatches = !this.#isOnlyMatches;
      this.show();
    });
    this.show();
    this.#lookUp();
  }

  get #text() {
    return this.#field.value.trim();
  }

  focus() {
    this.#field.select();
  }

  /** Show spans of a kind only, or with errors, or all: "". */
  only(kind) {
    this.#only = kind;
    this.show();
  }

  /** Show the tree as it is asked for; again after spans have changed. */
  show() {
    this.#matches = this.#look();
    const isSought = this.#text !== "";
    const asked = isSought && this.#isOnlyMatches ? this.#matches : this.#only ? this.#spans.of(this.#only) : null;
    this.#tree.show(asked, this.#matches);
    for (const each of document.querySelectorAll("[data-only]")) {
      if (each.dataset.only === this.#only) each.setAttribute("aria-current", "true");
      else each.removeAttribute("aria-current");
    }
    byId("before").hidden = byId("after").hidden = this.#narrow.hidden = !isSought;
    this.#narrow.setAttribute("aria-pressed", this.#isOnlyMatches);
    this.#keep("only", this.#only);
    this.#keep("find", this.#isOnlyMatches ? this.#text : "");
    this.#params.delete("since");
    this.#count();
  }

  /** Go to the first error, or the next one; to one that is not shown too. */
  error({ isFirst = false } = {}) {
    const failed = this.#spans.of("error");
    if (!failed.length) return toast("Nothing in this run failed.");
    const shown = this.#tree.among(failed);
    if (!shown.length) {
      [this.#only, this.#isOnlyMatches] = ["", false];
      this.show();
    }
    const here = isFirst ? -1 : this.#spans.place[this.#tree.current];
    const among = shown.length ? shown : failed;
    this.#tree.go(among.find((number) => this.#spans.place[number] > here) ?? among[0], { center: true, focus: true });
  }

  #keep(name, value) {
    if (value) this.#params.set(name, value);
    else this.#params.delete(name);
  }

  #look() {
    if (!this.#text) return [];
    const all = new Set(this.#spans.find(this.#text));
    if (this.#said.text === this.#text) for (const number of this.#said.numbers) all.add(number);
    const among = this.#only ? this.#spans.of(this.#only) : [...this.#spans.order];
    return among.filter((number) => all.has(number));
  }

  #count() {
    const at = this.#matches.indexOf(this.#tree.current) + 1;
    this.#found.textContent = this.#text && `${at || "–"} of ${this.#matches.length.toLocaleString("en")}`;
  }

  #match(step) {
    if (!this.#matches.length) return toast("Nothing in this run is like that.");
    const here = this.#spans.place[this.#tree.current];
    const isOn = (number) => (step > 0 ? this.#spans.place[number] > here : this.#spans.place[number] < here);
    const next = step > 0 ? this.#matches.find(isOn) : this.#matches.findLast(isOn);
    this.#tree.go(next ?? this.#matches.at(step > 0 ? 0 : -1), { center: true });
    this.#count();
  }

  #typed() {
    this.#isOnlyMatches &&= this.#text !== "";
    this.#show();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookUp(), LOOK_MS);
  }

  #show() {
    this.show();
    if (this.#matches.length && !this.#matches.includes(this.#tree.current)) this.#match(1);
  }

  async #lookUp() {
    const text = this.#text;
    if (text.length < LEAST || text === this.#said.text) return;
    const answer = await fetch(`/api/runs/${this.#run}/search?${new URLSearchParams({ q: text })}`).catch(() => null);
    if (!answer?.ok || text !== this.#text) return;
    const { span_ids: ids, looked, spans } = await answer.json();
    const numbers = ids.map((id) => this.#spans.numberOf(id)).filter((number) => number !== undefined);
    this.#said = { text, numbers };
    this.#found.title = looked < spans ? `Looked through what was said in ${looked.toLocaleString("en")} spans` : "";
    this.#show();
  }

  #key(event) {
    if (event.key === "Enter" && event.shiftKey) this.#match(-1);
    else if (event.key === "ArrowDown") this.#tree.focus();
    else if (event.key === "Escape") {
      this.#field.value = "";
      this.#isOnlyMatches = false;
      this.show();
      this.#tree.focus();
    } else return;
    event.preventDefault();
  }
}
