// The log of a run: all of it on the clipboard, as Markdown, or with a word to the language model that reads it.

import { copy, toast } from "./base.js";

for (const button of document.querySelectorAll("[data-file]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const answer = await fetch(button.dataset.file);
    if (!answer.ok) return toast(`The Observatory answered ${answer.status}.`);
    copy((button.dataset.before ?? "") + (await answer.text()));
  });
}
