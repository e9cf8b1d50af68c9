// Dragging over bars leads to the runs of their time. A click is the link of one bar; arrow keys go from bar to bar.

import { roam } from "./bars.js";

/** Over a figure of `_timeline.html`, where it stands now: it may be replaced. `choose(since, until)` gets ISO times. */
export function brush(figure, choose) {
  const svg = figure.querySelector("svg");
  const { since, width, bars } = figure.dataset;
  const shown = svg.viewBox.baseVal.width;
  const band = document.createElementNS(svg.namespaceURI, "rect");
  band.setAttribute("class", "band");
  band.setAttribute("height", "100");
  let from = null;

  const place = (event) => {
    const box = svg.getBoundingClientRect();
    return Math.max(0, Math.min(Number(bars), ((event.clientX - box.left) / box.width) * shown));
  };
  const range = (event) => {
    const [low, high] = [from, place(event)].sort((a, b) => a - b);
    return [Math.floor(low), Math.max(Math.floor(low) + 1, Math.ceil(high))];
  };
  const iso = (bar) => new Date(Number((BigInt(since) + BigInt(width) * BigInt(bar)) / 1000000n)).toISOString().replace(":00.000Z", "Z").replace(".000Z", "Z");

  svg.addEventListener("pointerdown", (event) => {
    if (event.button === 0) from = place(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (from === null || (!band.isConnected && Math.abs(place(event) - from) < 0.5)) return;
    if (!band.isConnected) {
      svg.setPointerCapture(event.pointerId);
      svg.append(band);
    }
    const [first, last] = range(event);
    band.setAttribute("x", first);
    band.setAttribute("width", last - first);
  });
  svg.addEventListener("pointerup", (event) => {
    if (from !== null && band.isConnected) choose(...range(event).map(iso));
    from = null;
  });
  svg.addEventListener("pointercancel", () => {
    from = null;
    band.remove();
  });
  svg.addEventListener("dragstart", (event) => event.preventDefault()); // of the link
  roam(svg);
}
