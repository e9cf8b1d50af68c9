// Files that are dropped on a page are imported, and what came of each is said.

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let inside = 0;

function show(isOver) {
  document.documentElement.classList.toggle("dropping", isOver);
}

async function bring(file) {
  const answer = await fetch("/api/import", { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  const said = await answer.json();
  if (!answer.ok) return `${file.name}: ${said.message}`;
  const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
  const came = `${file.name}: ${count(said.spans, "span")} and ${count(said.logs, "log record")} came`;
  const why = said.refusals.slice(0, 5).map((each) => `${each.place}: ${each.reason}`);
  return said.refused ? `${came}; ${count(said.refused, "part")} refused. ${why.join("; ")}` : `${came}.`;
}

function tell(lines) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", "Import");
  const title = document.createElement("h2");
  title.textContent = "Import";
  const list = document.createElement("ul");
  for (const line of lines) {
    const item = document.createElement("li");
    item.textContent = line;
    list.append(item);
  }
  const actions = document.createElement("form");
  actions.method = "dialog";
  actions.className = "actions";
  const close = document.createElement("button");
  Object.assign(close, { className: "button", textContent: "Stay here" });
  const runs = document.createElement("a");
  Object.assign(runs, { className: "button primary", textContent: "Show the runs", href: "/runs" });
  actions.append(close, runs);
  dialog.append(title, list, actions);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

addEventListener("dragenter", (event) => hasFiles(event) && show((inside += 1) > 0));
addEventListener("dragleave", (event) => hasFiles(event) && show((inside -= 1) > 0));
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  show((inside = 0) > 0);
  const files = [...event.dataTransfer.files];
  const lines = [];
  for (const file of files) lines.push(await bring(file).catch((error) => `${file.name}: it could not be sent (${error.message}).`));
  tell(lines);
});
