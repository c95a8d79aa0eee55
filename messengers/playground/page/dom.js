// What every part of the page uses: elements, icons, the sentences in the person's language, and saying them aloud.
const SVG = "http://www.w3.org/2000/svg";
const sentences = new Map();

export const at = id => document.getElementById(id);
export const on = (target, name, handler, how) => target.addEventListener(name, handler, how);

export function element(name, children = [], attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  drawing.append(use);
  return drawing;
}

/** A button that is only an icon: `label` is its name and its tooltip. */
export function iconButton(name, label, onClick, attributes = {}) {
  const button = element("button", [icon(name)], { type: "button", class: "plain", "aria-label": label, title: label, ...attributes });
  on(button, "click", onClick);
  return button;
}

/** The sentence of this key (`page.KEY` in locales/), with its placeholders filled. */
export function text(key, values = {}) {
  const sentence = sentences.get(key) ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The sentence for an error that the server names. */
export function errorText(name, values) {
  return sentences.has(`error.${name}`) ? text(`error.${name}`, values) : text("error.refused");
}

/** Take the sentences from the server, and write those that index.html asks for. */
export function speak(language, texts) {
  for (const [key, sentence] of Object.entries(texts)) sentences.set(key, sentence);
  document.documentElement.lang = language;
  for (const it of document.querySelectorAll("[data-text]")) it.textContent = text(it.dataset.text);
  for (const it of document.querySelectorAll("[data-hint]")) it.title = text(it.dataset.hint);
  for (const it of document.querySelectorAll("[data-icon]:not(:has(svg))")) it.prepend(icon(it.dataset.icon));
  for (const it of document.querySelectorAll("[data-label]")) {
    it.setAttribute("aria-label", text(it.dataset.label));
    if (it.localName === "button") it.title = text(it.dataset.label);
  }
}

/** Let a screen reader say it when it is done with what it is saying. */
export function announce(sentence) {
  const line = element("p", [sentence]);
  at("announcer").append(line);
  setTimeout(() => line.remove(), 10_000);
}

/** Show a sentence above the text field; "" takes it away. One that is there already isn't said again. */
export function notify(sentence) {
  if (at("notice").textContent !== sentence) at("notice").textContent = sentence;
  at("notice").hidden = !sentence;
}

export async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
  } catch { // not a secure context (http in a local network), or not allowed
    const field = element("textarea", [], { class: "unseen", readonly: "", "aria-hidden": "true" });
    field.value = words;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** Storage of this tab; a browser may forbid it, then nothing is kept. */
export const kept = {
  get(key) {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
  },
  set(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, JSON.stringify(value));
    } catch { /* it lives in this page only */ }
  },
  clear() {
    try { sessionStorage.clear(); } catch { /* nothing was kept */ }
  },
};
