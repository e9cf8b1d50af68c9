// The tree of a run: of its rows, those that can be seen. https://www.w3.org/WAI/ARIA/apg/patterns/treegrid/

import { cost, duration, shown, tokens } from "./words.js";

const BEYOND = 12; // rows above and below what can be seen
const DEEPEST = 16; // is not moved further
const SVG = "http://www.w3.org/2000/svg";

const made = document.createElement("template");
made.innerHTML = `<div class="row" role="row" tabindex="-1"><div role="gridcell" class="c-name"><span class="twisty"></span><svg class="icon" width="16" height="16" aria-hidden="true"><use/></svg><a tabindex="-1"><bdi></bdi></a><span class="failed" hidden><svg class="icon" width="16" height="16" role="img" aria-label="failed"><use href="#i-error"/></svg></span><span class="below" hidden></span></div><div role="gridcell" class="c-bar"><svg class="bars" width="100%" height="16" aria-hidden="true"><title></title><rect class="blk" y="4" height="8" rx="2"/></svg></div><div role="gridcell" class="c-took num"></div><div role="gridcell" class="c-tokens num"></div><div role="gridcell" class="c-cost num"></div></div>`;

export class Tree extends EventTarget {
  #grid;
  #body;
  #spans;
  #href;
  #rows;
  #asked = null;
  #matches = new Set();
  #at = new Map(); // span → its place among the rows
  #elements = new Map(); // span → its row
  #height;
  #waits = 0;

  /** `href(id)` is where a span is. Dispatches `select`, whose detail is { id, opens, isClick }: whether it is opened by key, or clicked. */
  constructor(grid, spans, href) {
    super();
    this.#grid = grid;
    this.#body = grid.querySelector(".rows");
    this.#spans = spans;
    this.#href = href;
    this.#height = this.#measured();
    this.current = 0;
    this.#body.replaceChildren();
    this.#body.classList.add("virtual");
    grid.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(grid);
    this.#body.addEventListener("click", (event) => this.#click(event));
    grid.addEventListener("keydown", (event) => this.#key(event));
  }

  #measured() {
    const row = made.content.firstElementChild.cloneNode(true);
    this.#body.append(row);
    const { height } = row.getBoundingClientRect();
    row.remove();
    return height || 28;
  }

  /** Show all rows, or those of some spans with what is above; `matches` stand out. */
  show(asked, matches) {
    this.#asked = asked;
    this.#matches = new Set(matches);
    this.refresh();
  }

  /** After spans have changed. */
  refresh() {
    this.#rows = this.#spans.rows(this.#asked);
    this.#at = new Map(Array.from(this.#rows, (number, at) => [number, at]));
    this.isAsked = this.#asked && new Set(this.#asked);
    this.#body.style.height = `${this.#rows.length * this.#height}px`;
    this.#grid.setAttribute("aria-rowcount", this.#rows.length + 1);
    for (const [number, element] of this.#elements) {
      if (this.#at.has(number)) this.#fill(element, number);
      else {
        this.#elements.delete(number);
        element.remove();
      }
    }
    this.#head();
    this.#render();
  }

  /** What depends on how long the run is. */
  #head() {
    const { size, end } = this.#spans;
    this.#grid.querySelector(".heads .count").textContent = `${size.toLocaleString("en")} span${size === 1 ? "" : "s"}`;
    const [, middle, last] = this.#grid.querySelectorAll(".scale span");
    [middle.textContent, last.textContent] = [duration(end / 2), duration(end)];
  }

  /** Those of some spans that are shown, folded or not. */
  among(numbers) {
    const kept = this.#asked && this.#spans.withAncestors(this.#asked);
    return kept ? numbers.filter((number) => kept.has(number)) : numbers;
  }

  get #hasFocus() {
    return this.#body.contains(document.activeElement);
  }

  /** Go to a span, unfolding what is above it. */
  go(number, { focus = false, opens = false, isClick = false, quiet = false, center = false } = {}) {
    this.#reveal(number);
    if (!this.#at.has(number)) return;
    const before = this.#elements.get(this.current);
    before?.setAttribute("aria-selected", "false");
    before?.setAttribute("tabindex", "-1");
    this.current = number;
    this.#scrollTo(this.#at.get(number), center);
    this.#render();
    const row = this.#elements.get(number);
    row.setAttribute("aria-selected", "true");
    row.setAttribute("tabindex", "0");
    if (focus) row.focus({ preventScroll: true });
    if (!quiet) this.dispatchEvent(new CustomEvent("select", { detail: { id: this.#spans.id[number], opens, isClick } }));
  }

  focus() {
    this.go(this.current, { focus: true, quiet: true });
  }

  /** Fold or unfold a span. */
  fold(number, isFolded = !this.#spans.folded.has(number)) {
    if (!this.#spans.hasChildren(number)) return;
    if (isFolded) this.#spans.folded.add(number);
    else this.#spans.folded.delete(number);
    if (isFolded && this.#isBelow(this.current, number)) this.go(number, { focus: this.#hasFocus });
    this.refresh();
  }

  /** Fold everything below the top, or unfold everything. */
  foldAll(isFolded) {
    const { folded, order, depth } = this.#spans;
    folded.clear();
    if (isFolded) for (const number of order) if (depth[number] > 0 && this.#spans.hasChildren(number)) folded.add(number);
    if (isFolded) while (this.#spans.depth[this.current] > 1) this.current = this.#spans.parent[this.current];
    this.refresh();
    this.go(this.current, { quiet: true });
  }

  #isBelow(number, above) {
    for (let each = this.#spans.parent[number]; each >= 0; each = this.#spans.parent[each]) if (each === above) return true;
    return false;
  }

  #reveal(number) {
    let wasFolded = false;
    for (let each = this.#spans.parent[number]; each >= 0; each = this.#spans.parent[each]) wasFolded = this.#spans.folded.delete(each) || wasFolded;
    if (wasFolded) this.refresh();
  }

  #scrollTo(at, center) {
    const head = this.#body.offsetTop;
    const seen = this.#grid.clientHeight - head;
    const top = at * this.#height;
    if (top >= this.#grid.scrollTop && top + this.#height <= this.#grid.scrollTop + seen) return;
    const above = top < this.#grid.scrollTop;
    this.#grid.scrollTop = center ? top - seen / 3 : above ? top : top + this.#height - seen;
  }

  #resized() {
    const row = this.#elements.values().next().value;
    const height = row?.getBoundingClientRect().height;
    if (height && height !== this.#height) {
      this.#height = height;
      this.refresh();
    } else this.#soon();
  }

  #soon() {
    this.#waits ||= requestAnimationFrame(() => {
      this.#waits = 0;
      this.#render();
    });
  }

  #render() {
    if (!this.#rows) return;
    const from = Math.max(0, Math.floor(this.#grid.scrollTop / this.#height) - BEYOND);
    const to = Math.min(this.#rows.length, Math.ceil((this.#grid.scrollTop + this.#grid.clientHeight) / this.#height) + BEYOND);
    const wanted = new Set(this.#rows.subarray(from, to));
    if (this.#at.has(this.current)) wanted.add(this.current); // it may have the focus
    const free = [];
    for (const [number, element] of this.#elements) {
      if (wanted.has(number)) continue;
      this.#elements.delete(number);
      free.push(element);
    }
    const added = [];
    for (const number of wanted) {
      if (this.#elements.has(number)) continue;
      const element = free.pop() ?? made.content.firstElementChild.cloneNode(true);
      this.#fill(element, number);
      this.#elements.set(number, element);
      if (!element.isConnected) added.push(element);
    }
    for (const element of free) element.remove();
    this.#body.append(...added);
  }

  #fill(row, number) {
    const spans = this.#spans;
    const at = this.#at.get(number);
    const isCurrent = number === this.current;
    const set = (name, value) => (value === null ? row.removeAttribute(name) : row.setAttribute(name, value));
    row.style.transform = `translateY(${at * this.#height}px)`;
    row.number = number;
    set("aria-level", spans.depth[number] + 1);
    set("aria-rowindex", at + 2);
    set("aria-selected", isCurrent);
    set("aria-expanded", spans.hasChildren(number) ? !spans.folded.has(number) : null);
    set("tabindex", isCurrent ? "0" : "-1");
    set("data-depth", Math.min(spans.depth[number], DEEPEST));
    set("data-kind", spans.kind[number]);
    set("data-status", spans.status[number]);
    set("data-aside", this.isAsked && !this.isAsked.has(number) ? "" : null);
    const [name, bar, took, counts, dollars] = row.children;
    name.querySelector("use").setAttribute("href", `#i-${spans.kind[number]}`);
    const link = name.querySelector("a");
    link.href = this.#href(spans.id[number]);
    link.className = this.#matches.has(number) ? "match" : "";
    link.firstChild.textContent = shown(spans.name[number]);
    const [failed, below] = [name.children[3], name.children[4]];
    failed.hidden = spans.status[number] !== "error";
    failed.title = shown(spans.error[number]) || "It failed";
    below.hidden = !failed.hidden || !spans.below[number];
    below.textContent = spans.below[number];
    below.title = `${spans.below[number].toLocaleString("en")} failed below`;
    this.#draw(bar.firstElementChild, number);
    took.textContent = spans.took[number] < 0 ? "open" : duration(spans.took[number]);
    const [went, came] = [spans.input[number], spans.output[number]];
    counts.textContent = "";
    if (went !== null || came !== null) {
      const rest = document.createElement("span");
      rest.className = "muted";
      rest.textContent = tokens(came);
      counts.append(`${tokens(went)} `, rest);
    }
    dollars.textContent = spans.cost[number] === null ? "" : cost(spans.cost[number]);
  }

  #draw(svg, number) {
    const spans = this.#spans;
    const of = Math.max(spans.end, 1) / 100;
    const start = Math.min(Math.max(spans.start[number] / of, 0), 99.7);
    const took = spans.took[number] < 0 ? spans.end - spans.start[number] : spans.took[number];
    const width = Math.min(Math.max(took / of, 0.3), 100 - start);
    const bar = svg.children[1];
    bar.setAttribute("x", `${start.toFixed(3)}%`);
    bar.setAttribute("width", `${width.toFixed(3)}%`);
    bar.setAttribute("data-kind", spans.kind[number]);
    bar.toggleAttribute("data-open", spans.took[number] < 0);
    while (svg.children.length > 2) svg.lastChild.remove();
    let said = `From ${duration(spans.start[number])} to ${spans.took[number] < 0 ? "now" : duration(spans.start[number] + took)} of the run: ${spans.took[number] < 0 ? "still open" : duration(took)}`;
    const moments = spans.moments.get(number);
    for (const [since, until] of moments?.waits ?? []) {
      mark(svg, "wait", start + since / 1000 / of, 4, `${((until - since) / 1000 / of).toFixed(3)}%`, 8);
      said += `; waited for a person for ${duration((until - since) / 1000)}`;
    }
    if (moments && moments.first !== null) {
      mark(svg, "tick", Math.min(start + moments.first / 1000 / of, 99.7), 2, "1.5", 12);
      said += `; first token after ${duration(moments.first / 1000)}`;
    }
    svg.firstChild.textContent = said;
  }

  #click(event) {
    const row = event.target.closest(".row");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (event.target.closest(".twisty") && this.#spans.hasChildren(row.number)) this.fold(row.number);
    else this.go(row.number, { focus: true, isClick: true });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest(".row")) return;
    const at = this.#at.get(this.current) ?? 0;
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / this.#height) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -at, End: this.#rows.length }[event.key];
    if (step !== undefined) this.step(step);
    else if (event.key === "ArrowRight") this.#right();
    else if (event.key === "ArrowLeft") this.#left();
    else if (event.key === "Enter") this.go(this.current, { opens: true });
    else if (event.key === " ") this.fold(this.current);
    else return;
    event.preventDefault();
  }

  /** Go some rows down, or up. */
  step(count) {
    const at = (this.#at.get(this.current) ?? 0) + count;
    this.go(this.#rows[Math.max(0, Math.min(this.#rows.length - 1, at))], { focus: true });
  }

  #right() {
    if (!this.#spans.hasChildren(this.current)) return;
    if (this.#spans.folded.has(this.current)) this.fold(this.current, false);
    else this.step(1);
  }

  #left() {
    if (this.#spans.hasChildren(this.current) && !this.#spans.folded.has(this.current)) this.fold(this.current, true);
    else if (this.#spans.parent[this.current] >= 0) this.go(this.#spans.parent[this.current], { focus: true });
  }
}

function mark(svg, name, percent, y, width, height) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("class", name);
  if (name === "wait") rect.setAttribute("fill", "url(#waiting)");
  rect.setAttribute("x", `${percent.toFixed(3)}%`);
  rect.setAttribute("y", y);
  rect.setAttribute("width", width);
  rect.setAttribute("height", height);
  svg.append(rect);
}
