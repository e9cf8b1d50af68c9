// What happens to runs, as it happens: at the top of the list they appear, further down they are counted.

const PAUSE_MS = 600; // between two looks, however much happens
const AT_ONCE = 100; // rows that are asked for
const TOP = 24; // pixels scrolled that are still the top

/** Follows `/api/events` for a list. */
export class Live {
  #list;
  #parts;
  #stream = null;
  #change;
  #changed = new Set();
  #news = new Set();
  #isAnew = false;
  #isPaused = false;
  #isBusy = false;
  #timer = 0;

  /** `parts`: the buttons `pause` and `news`; `change`: the newest change that the list has. */
  constructor(list, parts, change) {
    this.#list = list;
    this.#parts = parts;
    this.#change = change;
    parts.pause.addEventListener("click", () => this.toggle());
    parts.news.addEventListener("click", () => this.#show());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    addEventListener("scroll", () => window.scrollY <= TOP && this.#news.size && this.#look(), { passive: true });
    parts.pause.hidden = false;
    this.#open();
  }

  /** Hold the list still, or let it go on. */
  toggle() {
    this.#isPaused = !this.#isPaused;
    this.#parts.pause.setAttribute("aria-pressed", this.#isPaused);
    this.#parts.pause.querySelector("span").textContent = this.#isPaused ? "Paused" : "Live";
    this.#parts.pause.querySelector("use").setAttribute("href", this.#isPaused ? "#i-play" : "#i-pause");
    if (!this.#isPaused) this.#look();
  }

  #open() {
    if (this.#stream || document.hidden) return;
    const asked = new URLSearchParams({ filter: new URLSearchParams(location.search).get("filter") ?? "", since: this.#change });
    this.#stream = new EventSource(`/api/events?${asked}`);
    const on = (name, does) =>
      this.#stream.addEventListener(name, (event) => {
        if (event.lastEventId) this.#change = event.lastEventId;
        does(JSON.parse(event.data));
      });
    on("run", (run) => this.#note(run.trace_id));
    on("gone", (runs) => {
      for (const run of runs) {
        this.#news.delete(run);
        if (this.#list.has(run)) this.#note(run); // of others nothing is seen here
      }
    });
    on("reload", () => {
      this.#isAnew = true;
      this.#look();
    });
  }

  #note(run) {
    this.#changed.add(run);
    this.#look();
  }

  #close() {
    this.#stream?.close();
    this.#stream = null;
  }

  #look() {
    if (this.#timer || this.#isBusy) return;
    this.#timer = setTimeout(async () => {
      this.#timer = 0;
      this.#isBusy = true;
      try {
        await this.#take();
      } catch (error) {
        console.warn("The list is as it was.", error);
      }
      this.#isBusy = false;
      if (this.#changed.size && !this.#isPaused) this.#look();
    }, PAUSE_MS);
  }

  async #take() {
    for (const run of this.#changed) if (!this.#list.has(run)) this.#news.add(run);
    this.#count();
    if (this.#isPaused) return;
    if (window.scrollY <= TOP && this.#parts.isFirst && !String(getSelection())) return this.#show();
    const shown = this.#list.rows();
    const here = [...this.#changed].filter((run) => shown.has(run)).slice(0, AT_ONCE);
    if (here.length) this.#list.replace(here, await this.#list.ask(here));
    else {
      if (this.#changed.size) this.#list.forget(); // some of what changed is put aside
      this.#changed.clear();
    }
    for (const run of here) this.#changed.delete(run);
  }

  async #show() {
    this.#changed.clear();
    this.#news.clear();
    this.#isAnew = false;
    if (!this.#parts.isFirst) return location.assign(this.#parts.first);
    window.scrollTo({ top: 0 });
    for (const row of await this.#list.reload()) row.classList.add("new");
    this.#count();
  }

  #count() {
    const count = this.#news.size;
    this.#parts.news.hidden = !count && !this.#isAnew;
    this.#parts.news.querySelector("span").textContent = this.#isAnew ? "Much is new" : `${count} new`;
  }
}
