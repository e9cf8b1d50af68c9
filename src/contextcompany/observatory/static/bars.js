// Bars that are links: one stop for the Tab key, and arrows from bar to bar.

/** For the links in this element, where they stand now. */
export function roam(chart) {
  const links = [...chart.querySelectorAll("a")];
  const stop = (at) => links.forEach((link, number) => link.setAttribute("tabindex", number === at ? "0" : "-1"));
  stop(links.length - 1);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = links.indexOf(document.activeElement) + step;
    if (!step || !links[at]) return;
    event.preventDefault();
    stop(at);
    links[at].focus();
  });
}
