// A file of runs: links open the span they lead to, values can be copied, spans can be found. It is one script, no module.

(() => {
  const open = () => {
    const span = location.hash.startsWith("#s-") && document.getElementById(location.hash.slice(1));
    if (!span) return;
    span.open = true;
    span.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const parts = [...button.parentElement.querySelectorAll(":scope > [data-said], :scope > .rest > [data-said]")];
    const text = button.dataset.copy || parts.map((each) => each.textContent).join("");
    navigator.clipboard?.writeText(text);
  });

  const find = document.getElementById("find");
  const lines = [...document.querySelectorAll(".spans .line")];
  find.hidden = false;
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const line of lines) line.classList.toggle("aside", !line.textContent.toLowerCase().includes(wanted));
    lines.find((line) => wanted && !line.classList.contains("aside"))?.scrollIntoView({ block: "nearest" });
  });
})();
