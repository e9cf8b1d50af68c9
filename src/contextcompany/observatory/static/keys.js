// Which key does what. A page's own binding takes the place of one that all pages have.

const bound = new Map();
let leader = null;

/** Have `does(event)` called for a key, or for one after another: "g r". Not while somebody types. */
export function onKey(key, does) {
  bound.set(key, does);
}

function isTyping(target) {
  return target.isContentEditable || target.matches("select, textarea, input:not([type=checkbox], [type=radio])");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const key = leader === null ? event.key : `${leader} ${event.key}`;
  leader = null;
  const does = bound.get(key);
  if (does) {
    event.preventDefault();
    does(event);
  } else if ([...bound.keys()].some((each) => each.startsWith(`${key} `))) {
    leader = key;
    setTimeout(() => (leader = null), 1500);
  }
});
