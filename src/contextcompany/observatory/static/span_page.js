// A span on a page of its own.

import { Detail } from "./detail.js";
import { onKey } from "./keys.js";

const run = document.getElementById("run-head").dataset.run;
const detail = new Detail(document.getElementById("span"), run);
detail.id = location.pathname.split("/").at(-1);
document.getElementById("span").addEventListener("shown", () => {
  const query = new URLSearchParams({ ...(detail.tab && { tab: detail.tab }), ...(detail.raw && { raw: 1 }) });
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
});
for (let number = 1; number <= 7; number += 1) onKey(String(number), () => detail.open(number));
onKey("Escape", () => document.querySelector(".way-back a").click());
