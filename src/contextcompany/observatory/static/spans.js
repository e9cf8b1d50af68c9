// The spans of a run: one list a field, by number. What is above and below what, and which are shown.

const LISTS = ["id", "parent", "kind", "name", "status", "error", "start", "took", "input", "output", "cost"];

export class Spans {
  #said = null;
  #number = null;

  /** `columns` is what `waterfall.columns` makes; times are microseconds after the run's start. */
  constructor(columns) {
    for (const list of LISTS) this[list] = columns[list];
    this.startNs = columns.start_ns;
    this.end = columns.end;
    this.moments = new Map(columns.moments.map(([number, first, waits]) => [number, { first, waits }]));
    this.folded = new Set();
    this.#hang();
  }

  get size() {
    return this.id.length;
  }

  /** The number of a span by its id; undefined when there is none. */
  numberOf(id) {
    this.#number ??= new Map(this.id.map((each, number) => [each, number]));
    return this.#number.get(id);
  }

  /** Take in spans that are new or have changed, as the API's events have them. Returns their numbers. */
  put(lines) {
    const numbers = lines.map((line) => {
      const number = this.numberOf(line.span_id) ?? this.size;
      this.#number.set(line.span_id, number);
      this.id[number] = line.span_id;
      return number;
    });
    lines.forEach((line, at) => this.#write(numbers[at], line));
    this.#said = null;
    this.#hang();
    return numbers;
  }

  #write(number, line) {
    const after = (ns) => Math.floor((ns - this.startNs) / 1000);
    this.parent[number] = this.numberOf(line.parent_id) ?? -1;
    this.kind[number] = line.kind;
    this.name[number] = line.name;
    this.status[number] = line.status;
    this.error[number] = [line.error_type, line.status_message].filter(Boolean).join(": ").slice(0, 200);
    this.start[number] = after(line.start_ns);
    this.took[number] = line.end_ns ? Math.floor((line.end_ns - line.start_ns) / 1000) : -1;
    this.input[number] = line.input_tokens;
    this.output[number] = line.output_tokens;
    this.cost[number] = line.cost;
    if (line.first_ns !== null || line.waits.length) this.moments.set(number, { first: line.first_ns, waits: line.waits });
    this.end = Math.max(this.end, after(line.end_ns || line.start_ns));
  }

  /** Each after the one it hangs under, siblings in the order in which they started. */
  #hang() {
    const size = this.size;
    const children = new Map();
    for (let number = 0; number < size; number += 1) {
      const list = children.get(this.parent[number]);
      if (list) list.push(number);
      else children.set(this.parent[number], [number]);
    }
    for (const list of children.values()) if (list.length > 1) list.sort((a, b) => this.start[a] - this.start[b] || a - b);
    this.order = new Int32Array(size); // of places: which span stands there
    this.depth = new Int32Array(size); // of spans
    this.until = new Int32Array(size); // of places: the first that is no longer below
    this.place = new Int32Array(size); // of spans
    this.below = new Int32Array(size); // of spans: errors under it
    const waiting = [...(children.get(-1) ?? [])].reverse();
    let place = 0;
    while (waiting.length) {
      const number = waiting.pop();
      const parent = this.parent[number];
      this.depth[number] = parent < 0 ? 0 : this.depth[parent] + 1;
      this.place[number] = place;
      this.order[place++] = number;
      const inside = children.get(number);
      if (inside) for (let at = inside.length - 1; at >= 0; at -= 1) waiting.push(inside[at]);
    }
    for (let at = place - 1; at >= 0; at -= 1) {
      const number = this.order[at];
      this.until[at] = Math.max(this.until[at], at + 1);
      const parent = this.parent[number];
      if (parent < 0) continue;
      this.until[this.place[parent]] = Math.max(this.until[this.place[parent]], this.until[at]);
      this.below[parent] += this.below[number] + (this.status[number] === "error");
    }
  }

  hasChildren(number) {
    return this.until[this.place[number]] > this.place[number] + 1;
  }

  /** Those in which `text` is found, in their order. */
  find(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    this.#said ??= this.id.map((id, number) => `${this.name[number]}\n${id}\n${this.error[number]}`.toLowerCase());
    return [...this.order].filter((number) => this.#said[number].includes(wanted));
  }

  /** Those of a kind, or with errors. */
  of(only) {
    const list = only === "error" ? this.status : this.kind;
    return [...this.order].filter((number) => list[number] === only);
  }

  /** What is shown of the tree, when nothing but some spans, and what is above them, is asked for. */
  rows(asked = null) {
    const kept = asked && this.withAncestors(asked);
    const shown = new Int32Array(this.size);
    let count = 0;
    for (let at = 0; at < this.size; ) {
      const number = this.order[at];
      if (kept && !kept.has(number)) {
        at = this.until[at];
        continue;
      }
      shown[count++] = number;
      at = this.folded.has(number) ? this.until[at] : at + 1;
    }
    return shown.subarray(0, count);
  }

  /** Some spans and what is above them. */
  withAncestors(asked) {
    const kept = new Set();
    for (let number of asked) {
      for (; number >= 0 && !kept.has(number); number = this.parent[number]) kept.add(number);
    }
    return kept;
  }
}
