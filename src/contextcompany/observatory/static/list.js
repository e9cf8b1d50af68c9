// The rows of a list: more are loaded as one scrolls down, and those far away are put aside.

const KEPT = 24; // parts whose rows are kept as text when they are put aside; others are asked for again
const FAR = "2500px 0px";
const SOON = "1800px 0px";

/** A table whose `<tbody>`s are pages of a list: `data-after` says after what one begins, `data-next` what comes next. */
export class List {
  #table;
  #more;
  #columns;
  #kept = new Map();
  #runs = new Set();
  #isLoading = false;
  #seen = new IntersectionObserver((entries) => this.#turn(entries), { rootMargin: FAR });
  #end = new IntersectionObserver((entries) => entries.some((each) => each.isIntersecting) && this.#load(), { rootMargin: SOON });

  /** `more` is the link to the next page, which stays for where loading fails. */
  constructor(table, more) {
    this.#table = table;
    this.#more = more;
    this.#columns = table.tHead.rows[0].cells.length;
    for (const part of table.tBodies) this.#seen.observe(part);
    for (const run of this.rows().keys()) this.#runs.add(run);
    this.#end.observe(more);
  }

  /** The rows that are there, by their run. */
  rows() {
    return new Map([...this.#table.querySelectorAll("tr[data-run]")].map((row) => [row.dataset.run, row]));
  }

  /** Whether a run is listed, be its row put aside. */
  has(run) {
    return this.#runs.has(run);
  }

  /** Whether nothing is listed. */
  isEmpty() {
    return !this.#runs.size && this.#more.hidden;
  }

  /** What was put aside is not as it was: it is asked for again when it is needed. */
  forget() {
    this.#kept.clear();
  }

  /** The rows of these runs as they are now; those that the filter does not let through any more are missing. */
  async ask(runs) {
    const part = await this.#fetch({ runs: runs.join(",") });
    return new Map([...part.rows].map((row) => [row.dataset.run, row]));
  }

  /** Read the list anew from its beginning. Returns the rows that were not there before. */
  async reload() {
    const before = this.rows();
    const place = this.#focused();
    const part = await this.#fetch({});
    for (const each of [...this.#table.tBodies]) {
      this.#seen.unobserve(each);
      each.remove();
    }
    this.#kept.clear();
    this.#runs.clear();
    this.#put(part);
    this.#focus(place);
    this.#news();
    return [...part.rows].filter((row) => !before.has(row.dataset.run));
  }

  /** Take rows away, or put others in their place. */
  replace(runs, rows) {
    const known = this.rows();
    for (const run of runs) {
      const place = known.get(run);
      const row = rows.get(run);
      if (!place) continue;
      if (!row) {
        place.remove();
        this.#runs.delete(run);
      } else if (place.outerHTML !== row.outerHTML) {
        row.querySelector("input").checked = place.querySelector("input").checked;
        place.replaceWith(row);
      }
    }
    this.#changed();
    this.#news();
  }

  async #load() {
    if (this.#isLoading || this.#more.hidden) return;
    this.#isLoading = true;
    try {
      this.#put(await this.#fetch({ after: this.#more.dataset.after }));
    } catch (error) {
      this.#end.unobserve(this.#more);
      console.warn("Loading failed; the link goes on.", error);
    } finally {
      this.#isLoading = false;
    }
    this.#end.unobserve(this.#more); // so that it is looked at again: what was loaded may be short
    this.#end.observe(this.#more);
  }

  #put(part) {
    for (const row of part.rows) this.#runs.add(row.dataset.run);
    this.#table.append(part);
    this.#seen.observe(part);
    const next = part.dataset.next;
    this.#more.hidden = !next;
    this.#more.dataset.after = next;
    const href = new URL(this.#more.href);
    href.searchParams.set("after", next);
    this.#more.href = href;
    this.#changed();
  }

  async #fetch(changes) {
    const url = new URL("/runs/rows", location.href);
    for (const [name, value] of new URLSearchParams(location.search)) if (name !== "after") url.searchParams.append(name, value);
    for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status} of ${url}`);
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    return made.content.querySelector("tbody");
  }

  #turn(entries) {
    for (const { target: part, isIntersecting, boundingClientRect } of entries) {
      if (isIntersecting && part.dataset.aside !== undefined) this.#bringBack(part).catch((error) => console.warn("These rows are missing.", error));
      else if (!isIntersecting && boundingClientRect.height && part.dataset.aside === undefined) this.#putAside(part, boundingClientRect.height);
    }
  }

  #putAside(part, height) {
    if (part.contains(document.activeElement)) return;
    this.#kept.set(part.dataset.after, part.innerHTML);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    const space = document.createElement("td");
    space.colSpan = this.#columns;
    space.style.height = `${height}px`;
    const row = document.createElement("tr");
    row.className = "space";
    row.append(space);
    part.dataset.aside = "";
    part.replaceChildren(row);
  }

  async #bringBack(part) {
    const { after } = part.dataset;
    const kept = this.#kept.get(after);
    if (kept !== undefined) part.innerHTML = kept;
    else part.replaceChildren(...(await this.#fetch({ after })).rows);
    delete part.dataset.aside;
    this.#kept.delete(after);
    this.#changed();
  }

  #focused() {
    const row = document.activeElement?.closest("tr[data-run]");
    return row && { run: row.dataset.run, cell: document.activeElement.closest("td").cellIndex };
  }

  #focus(place) {
    const row = place && this.rows().get(place.run);
    row?.cells[place.cell]?.querySelector("a, input")?.focus({ preventScroll: true });
  }

  #news() {
    this.#table.dispatchEvent(new Event("news"));
  }

  #changed() {
    this.#table.dispatchEvent(new Event("rows"));
  }
}
