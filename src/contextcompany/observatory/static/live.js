// What happens to runs, as it happens: at the top of the list they appear, further down they are counted.

const PAUSE_MS = 600; // between two looks, however much happens
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
        this.#look();
      });
    on("run", (run) => this.#changed.add(run.trace_id));
    on("gone", (runs) => runs.forEach((run) => this.#changed.add(run)));
    on("reload", () => (this.#isAnew = true));
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
    const known = this.#list.rows();
    for (const run of this.#changed) if (!known.has(run)) this.#news.add(run);
    if (!this.#isPaused && window.scrollY <= TOP && this.#parts.isFirst) return this.#show();
    const here = this.#isPaused ? [] : [...this.#changed].filter((run) => known.has(run)).slice(0, 100);
    if (here.length) this.#list.replace(here, await this.#list.ask(here));
    if (!this.#isPaused) this.#changed.clear();
    this.#count();
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
