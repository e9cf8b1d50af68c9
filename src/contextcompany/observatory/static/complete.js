// Completes what is typed into the search box: keys of the filter language, and values that occur.

const OPERATORS = /^(-?)([a-z_]+)(>=|<=|[:><=])"?(.*)$/i;
const NUMBERS = new Set(["duration", "cost", "tokens", "input", "output", "steps", "tools", "errors", "spans"]);
const MOST = 9;

async function answer(asked) {
  const got = await fetch(`/api/values?${new URLSearchParams(asked)}`);
  return got.ok ? got.json() : { keys: [], values: [] };
}

/** Make a combobox of an input: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ */
export class Completion {
  #input;
  #list;
  #options = [];
  #keys;
  #at = -1;
  #asked = 0;

  constructor(input) {
    this.#input = input;
    this.#list = document.createElement("ul");
    Object.assign(this.#list, { id: `${input.id}-options`, className: "options", hidden: true });
    this.#list.setAttribute("role", "listbox");
    this.#list.setAttribute("aria-label", "Completions");
    input.after(this.#list);
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.#list.id,
    }))
      input.setAttribute(name, value);
    input.addEventListener("input", () => this.#ask());
    input.addEventListener("focus", () => this.#ask());
    input.addEventListener("blur", () => this.#close());
    input.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the input keeps the focus
      const option = event.target.closest("[role=option]");
      if (option) this.#take(this.#options[[...this.#list.children].indexOf(option)]);
    });
  }

  /** The part of the filter that the caret is in: from where to where, and what it is. */
  #part() {
    const text = this.#input.value;
    const caret = this.#input.selectionStart ?? text.length;
    let start = 0;
    let isQuoted = false;
    for (let at = 0; at < caret; at += 1) {
      if (text[at] === '"') isQuoted = !isQuoted;
      else if (text[at] === " " && !isQuoted) start = at + 1;
    }
    return { start, end: caret, said: text.slice(start, caret) };
  }

  async #ask() {
    const number = ++this.#asked;
    const { said } = this.#part();
    const [, no, key, operator, value] = OPERATORS.exec(said) ?? [];
    const options = said.startsWith('"') ? [] : key ? await this.#values(no, key, operator, value) : await this.#keysLike(said);
    if (number === this.#asked && document.activeElement === this.#input) this.#show(options);
  }

  async #keysLike(said) {
    const no = said.startsWith("-") ? "-" : "";
    const like = (await this.#known()).filter(({ name }) => name.startsWith(said.slice(no.length).toLowerCase()));
    return like.map(({ name, about }) => ({ text: `${no}${name}${NUMBERS.has(name) ? ">" : ":"}`, about, goesOn: true }));
  }

  async #values(no, key, operator, prefix) {
    const name = key.toLowerCase();
    if (!(await this.#known()).some((each) => each.name === name)) return [];
    const { values } = await answer({ key: name, prefix, limit: MOST });
    return values.map(({ value, runs }) => ({
      text: `${no}${key}${operator}${/[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value}`,
      about: runs === null ? "" : `${runs.toLocaleString("en")} run${runs === 1 ? "" : "s"}`,
      goesOn: false,
    }));
  }

  #known() {
    this.#keys ??= answer({}).then(({ keys }) => keys);
    return this.#keys;
  }

  #show(options) {
    this.#options = options.filter((each) => each.text !== this.#part().said);
    this.#at = -1;
    this.#list.replaceChildren(
      ...this.#options.map(({ text, about }, number) => {
        const option = document.createElement("li");
        option.id = `${this.#list.id}-${number}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        const code = document.createElement("bdi");
        code.className = "mono";
        code.textContent = text;
        const rest = document.createElement("span");
        rest.textContent = about.replaceAll("`", "");
        option.append(code, rest);
        return option;
      }),
    );
    this.#list.hidden = !this.#options.length;
    this.#input.setAttribute("aria-expanded", String(!this.#list.hidden));
    this.#input.removeAttribute("aria-activedescendant");
  }

  #close() {
    this.#asked += 1;
    this.#show([]);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !this.#list.hidden) {
      event.preventDefault();
      this.#close();
    } else if (step && !this.#list.hidden) {
      event.preventDefault();
      this.#go(step);
    } else if ((event.key === "Enter" || event.key === "Tab") && this.#at >= 0) {
      event.preventDefault();
      this.#take(this.#options[this.#at]);
    }
  }

  #go(step) {
    const count = this.#options.length;
    this.#list.children[this.#at]?.setAttribute("aria-selected", "false");
    this.#at = (this.#at + step + (this.#at < 0 && step < 0 ? 1 : 0) + count) % count;
    const option = this.#list.children[this.#at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  #take({ text, goesOn }) {
    const { start, end } = this.#part();
    const after = this.#input.value.slice(end).replace(/^\S*/, "");
    const made = `${text}${goesOn ? "" : " "}`;
    this.#input.value = this.#input.value.slice(0, start) + made + after.trimStart();
    this.#input.setSelectionRange(start + made.length, start + made.length);
    if (goesOn) this.#ask();
    else this.#close();
  }
}
