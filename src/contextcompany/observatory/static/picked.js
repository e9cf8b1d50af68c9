// Rows that are picked: many at once with Shift, kept while rows come and go, and what is done with them.

import { toast } from "./base.js";

/** The picks in a table; `form` does something with them. */
export class Picked {
  #table;
  #form;
  #all;
  #runs = new Set();
  #last = null;

  constructor(table, form) {
    this.#table = table;
    this.#form = form;
    this.#all = table.querySelector("#pick-all");
    this.#all.hidden = false;
    this.#all.addEventListener("change", () => this.#pick(this.#boxes(), this.#all.checked));
    table.addEventListener("click", (event) => event.target.matches("tbody input[type=checkbox]") && this.#click(event));
    table.addEventListener("rows", () => this.#show());
    form.addEventListener("submit", (event) => this.#submit(event));
    form.querySelector("#pick-none").hidden = false;
    form.querySelector("#pick-none").addEventListener("click", () => this.clear());
    for (const box of this.#boxes()) if (box.checked) this.#runs.add(box.value); // as the browser remembers them
    this.#show();
  }

  /** Pick a row, or no longer. */
  toggle(row) {
    const box = row.querySelector("input[type=checkbox]");
    this.#pick([box], !box.checked);
    this.#last = box;
  }

  clear() {
    this.#runs.clear();
    this.#show();
  }

  #boxes() {
    return [...this.#table.querySelectorAll("tbody input[type=checkbox]")];
  }

  #click(event) {
    const boxes = this.#boxes();
    const [from, to] = [boxes.indexOf(this.#last), boxes.indexOf(event.target)].sort((a, b) => a - b);
    const range = event.shiftKey && from >= 0 ? boxes.slice(from, to + 1) : [event.target];
    this.#last = event.target;
    this.#pick(range, event.target.checked);
  }

  #pick(boxes, isPicked) {
    for (const box of boxes) isPicked ? this.#runs.add(box.value) : this.#runs.delete(box.value);
    this.#show();
  }

  #show() {
    const boxes = this.#boxes();
    for (const box of boxes) {
      box.checked = this.#runs.has(box.value);
      box.closest("tr").classList.toggle("picked-row", box.checked);
    }
    const checked = boxes.filter((box) => box.checked).length;
    this.#all.checked = checked > 0 && checked === boxes.length;
    this.#all.indeterminate = checked > 0 && checked < boxes.length;
    const count = this.#runs.size;
    this.#form.classList.toggle("shown", count > 0);
    this.#form.querySelector("output").textContent = `${count.toLocaleString("en")} selected`;
    this.#form.querySelector("[value=compare]").disabled = count !== 2;
  }

  async #submit(event) {
    const does = event.submitter?.value;
    if (does !== "delete") return this.#addHidden();
    event.preventDefault();
    if (await this.#isSure()) await this.#delete();
  }

  /** Those whose rows are put aside are sent too. */
  #addHidden() {
    for (const each of this.#form.querySelectorAll("input[name=run]")) each.remove();
    const there = new Set(this.#boxes().map((box) => box.value));
    for (const run of this.#runs) {
      if (there.has(run)) continue;
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "run", value: run });
      this.#form.append(field);
    }
  }

  #isSure() {
    const dialog = document.getElementById("sure");
    const count = this.#runs.size;
    dialog.querySelector("h2").textContent = count === 1 ? "Delete this run?" : `Delete these ${count.toLocaleString("en")} runs?`;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }

  async #delete() {
    const body = new URLSearchParams([["sure", "1"], ...[...this.#runs].map((run) => ["run", run])]);
    const answer = await fetch(this.#form.action, { method: "POST", body });
    if (!answer.ok) return toast(`Nothing was deleted: the Observatory answered ${answer.status}.`);
    const runs = [...this.#runs];
    this.#runs.clear();
    this.#table.dispatchEvent(new CustomEvent("deleted", { detail: runs }));
    toast(runs.length === 1 ? "1 run deleted." : `${runs.length.toLocaleString("en")} runs deleted.`);
  }
}
