// How values are said, in the words of `words.py`.

/** `820 µs`, `340 ms`, `1.24 s`, `2 m 05 s`, `1 h 02 m`, `3 d 04 h`. */
export function duration(us) {
  const two = (number) => String(number).padStart(2, "0");
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 999500) return `${Math.round(us / 1000)} ms`;
  const seconds = us / 1e6;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`;
}

/** `950`, `1.2k`, `48k`, `1.2M`. */
export function tokens(number) {
  if (number === null) return "–";
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= limit * 0.9995) return (number / limit).toFixed(number < limit * 99.95 ? 1 : 0) + unit;
  }
  return String(number);
}

/** `$0.0012`, `$1.24`, `$1,240`. */
export function cost(dollars) {
  if (dollars === 0) return "$0";
  const size = Math.abs(dollars);
  let said = "<$0.0001";
  if (size >= 1000) said = `$${Math.round(size).toLocaleString("en")}`;
  else if (size >= 1) said = `$${size.toFixed(2)}`;
  else if (size >= 0.0001) said = `$${size.toFixed(4)}`;
  return dollars > 0 ? said : `−${said}`;
}

const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/g;

/** Text in which nothing is unseen: control characters, and those that turn the order of letters, have pictures. */
export function shown(text) {
  return text.replace(UNSEEN, (each) => {
    const code = each.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "␡" : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}
