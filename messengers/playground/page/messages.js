// The messages of the open conversation: merged by id, never wiped while it stays open, and drawn at most once a frame.
import { announce, at, copy, element, icon, iconButton, on, text } from "/dom.js";
import { render } from "/markdown.js";

const NEAR = 60; // pixels from the bottom that still count as being there
const LONGEST_SPOKEN = 1500; // characters of an answer that a screen reader is given at once
const STOP = "stop:";

const scroller = at("scroller"), list = at("messages"), typing = at("typing");

export class Messages {
  /** `press(action)` is called for a button; `changed()` after a draw. */
  constructor({ press, changed }) {
    this.onPress = press;
    this.onChanged = changed;
    this.known = new Map(); // id → {id, who, text, image, files, buttons, at, pending, row}
    this.news = new Set();
    this.follow = true;
    this.settled = false; // all that was there before has been told
    on(scroller, "scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.keepUp()).observe(scroller);
    on(at("latest"), "click", () => this.toEnd());
    on(list, "click", event => copyCode(event));
  }

  /** Begin anew, for another conversation. */
  clear() {
    this.known.clear();
    this.news.clear();
    list.replaceChildren();
    this.follow = true;
    this.settled = false;
    this.showTyping(0);
    at("empty").hidden = at("earlier").hidden = true;
  }

  /** The action that stops the answer being written here; "" if there is none. */
  get stopping() {
    const running = [...this.known.values()].filter(message => message.buttons.some(isStop));
    return running.sort((one, other) => one.at - other.at).at(-1)?.buttons.find(isStop).action ?? "";
  }

  upsert(news) {
    const known = this.known.get(news.id);
    if (news.who === "bot" && known?.text !== news.text) this.showTyping(0);
    this.known.set(news.id, { ...known, ...news, at: Math.min(known?.at ?? Infinity, news.at), row: known?.row });
    this.change(news.id);
  }

  remove(id, isSure = false) {
    const known = this.known.get(id);
    if (!known || known.pending && !isSure) return; // ours, still on its way: it is only sent once more
    this.known.delete(id);
    known.row?.item.remove();
    this.news.delete(id);
    this.showEmpty();
  }

  /** All has been told, but for the messages before `earlier`; 0: there are none. */
  ready({ earlier }) {
    this.draw();
    this.settled = true;
    this.showEmpty();
    this.earlier = earlier;
    at("earlier").hidden = !earlier;
  }

  /** These stand before the others. What is being read stays where it is. */
  prepend({ messages, earlier }) {
    const first = list.firstChild, top = first?.getBoundingClientRect().top;
    this.settled = false; // nobody wants them read out
    for (const message of messages) this.upsert(message);
    this.ready({ earlier });
    if (first) scroller.scrollTop += first.getBoundingClientRect().top - top;
  }

  pendingOver(id) {
    const known = this.known.get(id);
    if (known) this.upsert({ ...known, pending: false });
  }

  change(id) {
    if (!this.news.size) requestAnimationFrame(() => this.draw());
    this.news.add(id);
  }

  draw() {
    const news = [...this.news];
    this.news.clear(); // first: an error must not hold up what comes later
    for (const id of news) this.drawMessage(this.known.get(id));
    this.showEmpty();
    this.keepUp();
    this.onChanged();
  }

  showEmpty() {
    at("empty").hidden = this.known.size > 0 || !this.settled;
  }

  drawMessage(message) {
    const isNew = !message.row;
    message.row ??= makeRow(message, () => this.known.get(message.id));
    const { row } = message, busy = message.buttons.some(isStop), shown = JSON.stringify([message.text, message.image, message.files, busy]);
    row.item.className = `${message.who}${message.pending ? " pending" : ""}`;
    if (row.shown !== shown) patch(row.bubble, this.contents(message, busy));
    row.shown = shown;
    this.drawButtons(message);
    row.copy.hidden = busy || message.who !== "bot" || !message.text;
    if (message.who === "bot" && this.settled && !busy && (row.busy || isNew)) tell(row.bubble);
    row.busy = busy;
    row.item.setAttribute("aria-busy", String(busy));
    place(message);
  }

  contents({ who, text: words, image, files }, busy) {
    const nodes = who === "bot" ? rendered(words, busy) : words ? [words] : [];
    if (image) nodes.unshift(this.picture(image, words || text("picture")));
    return [...nodes, ...(files?.length ? [element("div", files.map(file => this.file(file)), { class: "files" })] : [])];
  }

  picture(path, name) {
    const picture = element("img", [], { src: path, alt: name });
    on(picture, "load", () => this.keepUp());
    return element("a", [picture], { href: path, target: "_blank", rel: "noopener", class: "picture" });
  }

  file({ id, name, media_type: kind, preview }) {
    const path = id ? `/files/${id}` : preview;
    if (kind.startsWith("image/")) return this.picture(path, name);
    if (!id) return element("span", [icon("file"), `${name} – ${text("uploading")}`], { class: "file" });
    return element("a", [icon("file"), name], { href: path, target: "_blank", rel: "noopener", class: "file" });
  }

  drawButtons({ row, buttons }) {
    const wanted = JSON.stringify(buttons);
    if (row.wanted === wanted) return;
    row.wanted = wanted;
    const made = buttons.map(({ label, action }) => {
      const button = element("button", face(label, action));
      on(button, "click", async () => {
        button.disabled = true;
        await this.onPress(action);
        button.disabled = false; // usually it is gone by then
      });
      return button;
    });
    row.buttons.replaceChildren(...made, row.copy);
  }

  showTyping(seconds) {
    clearTimeout(this.typingTimer);
    typing.hidden = seconds <= 0;
    if (seconds > 0) this.typingTimer = setTimeout(() => this.showTyping(0), seconds * 1000);
    this.keepUp();
  }

  scrolled() {
    this.follow = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    at("latest").hidden = this.follow;
  }

  keepUp() {
    if (this.follow) scroller.scrollTop = scroller.scrollHeight;
    else this.scrolled();
  }

  toEnd() {
    this.follow = true;
    at("latest").hidden = true;
    this.keepUp();
  }
}

function rendered(words, busy) {
  try {
    return render(words, busy);
  } catch (error) { // a mistake of ours: better the source than nothing
    reportError(error);
    return [element("p", [words])];
  }
}

const isStop = button => button.action.startsWith(STOP);

// Our own drawing in the place of the label's emoji, which looks different everywhere.
function face(label, action) {
  const drawing = { stop: "stop", retry: "retry", continue: "play" }[action.split(":")[0]];
  return drawing ? [icon(drawing), label.replace(/^\p{Extended_Pictographic}\uFE0F?\s*/u, "")] : [label];
}

function tell(bubble) {
  announce(`Parley: ${bubble.innerText.slice(0, LONGEST_SPOKEN)}`);
}

function makeRow({ who, at: time }, now) {
  const bubble = element("div", [], { class: "bubble" }), buttons = element("div", [], { class: "buttons" });
  const author = element("span", [who === "bot" ? text("said.bot") : text("said.you")], { class: "unseen" });
  const copyIt = iconButton("copy", text("copy_answer"), event => confirmCopy(event.currentTarget, now()?.text ?? ""), { class: "plain copy-all" });
  if (Number.isFinite(time)) buttons.title = new Date(time / 1000).toLocaleString(document.documentElement.lang);
  return { item: element("li", [author, bubble, buttons]), bubble, buttons, copy: copyIt, busy: false };
}

function copyCode(event) {
  const button = event.target.closest?.("button.copy");
  if (button) confirmCopy(button, button.closest("figure").querySelector("code").textContent);
}

async function confirmCopy(button, words) {
  await copy(words);
  announce(text("copied"));
  button.querySelector("use").setAttribute("href", "#i-check");
  setTimeout(() => button.querySelector("use")?.setAttribute("href", "#i-copy"), 1600);
}

// What didn't change stays as it is, with its selection and scroll position.
function patch(parent, nodes) {
  const old = [...parent.childNodes];
  nodes.forEach((node, index) => {
    const wanted = typeof node === "string" ? document.createTextNode(node) : node, there = old[index];
    if (!there) parent.append(wanted);
    else if (there.nodeType === Node.TEXT_NODE && wanted.nodeType === Node.TEXT_NODE) patchText(there, wanted.data);
    else if (isSameKind(there, wanted)) there.isEqualNode(wanted) || patch(there, [...wanted.childNodes]);
    else there.replaceWith(wanted);
  });
  old.slice(nodes.length).forEach(node => node.remove());
}

function patchText(node, words) {
  if (words.startsWith(node.data)) node.appendData(words.slice(node.data.length));
  else node.data = words;
}

function isSameKind(one, other) {
  return one.nodeType === Node.ELEMENT_NODE && other.nodeType === Node.ELEMENT_NODE && one.cloneNode().isEqualNode(other.cloneNode());
}

function place({ at: time, row: { item } }) {
  item.dataset.at = time;
  const isInPlace = item.parentNode && !(item.previousSibling?.dataset.at > time) && !(item.nextSibling?.dataset.at < time);
  if (isInPlace) return;
  let next = null;
  for (let other = list.lastChild; other && (other === item || Number(other.dataset.at) > time); other = other.previousSibling) {
    if (other !== item) next = other;
  }
  list.insertBefore(item, next);
}
