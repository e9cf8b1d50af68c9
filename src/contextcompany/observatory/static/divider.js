// A line between two parts that is moved by pointer and keyboard, and stays where it was put.

const [LEAST, MOST] = [20, 80];

/** `split` is the element whose first part has the width; `key` is what it is remembered by. */
export function divide(split, divider, key) {
  const put = (percent) => {
    const at = Math.round(Math.max(LEAST, Math.min(MOST, percent)) * 10) / 10;
    split.style.setProperty("--split", `${at}%`);
    divider.setAttribute("aria-valuenow", Math.round(at));
    return at;
  };
  const keep = (percent) => localStorage.setItem(key, put(percent));
  const now = () => {
    const [whole, line] = [split.getBoundingClientRect(), divider.getBoundingClientRect()];
    return ((line.left - whole.left) / whole.width) * 100;
  };

  const kept = Number(localStorage.getItem(key));
  if (kept) put(kept);
  else divider.setAttribute("aria-valuenow", Math.round(now()));

  divider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const box = split.getBoundingClientRect();
    put(((event.clientX - box.left) / box.width) * 100);
  });
  divider.addEventListener("lostpointercapture", () => keep(now()));
  divider.addEventListener("dblclick", () => {
    localStorage.removeItem(key);
    split.style.removeProperty("--split");
  });
  divider.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: now() - 2, ArrowRight: now() + 2, Home: LEAST, End: MOST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    keep(to);
  });
}
