// The playground's page: shows what the server pushes (merged by id, never wiped), sends what the person says until it is
// taken, and draws only messages that changed, at most once a frame.
import { render } from "/markdown.js";

const TEXTS = {
  en: {
    connected: "connected", connecting: "connecting…", reconnecting: "reconnecting…", send: "Send", label: "Your message",
    placeholder: "Message Parley…", empty: "Say something to begin.", typing: "Parley is typing…",
    tooLong: "This message is too long to send.", refused: "The message was refused. Reload the page and try again.",
  },
  ru: {
    connected: "на связи", connecting: "соединение…", reconnecting: "восстановление связи…", send: "Отправить", label: "Ваше сообщение",
    placeholder: "Сообщение для Parley…", empty: "Напишите что-нибудь, чтобы начать.", typing: "Parley печатает…",
    tooLong: "Это сообщение слишком длинное.", refused: "Сообщение не принято. Обновите страницу и попробуйте ещё раз.",
  },
};
const language = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";
const texts = TEXTS[language];
const LARGEST_BODY = 99_000; // bytes; the server takes 100,000
const NEAR = 60; // pixels from the bottom that still count as being there

const at = id => document.getElementById(id);
const scroller = at("scroller"), list = at("messages"), box = at("text"), typing = at("typing"), notice = at("notice");
const messages = new Map(); // id → {id, who, text, image, buttons, at, pending, row}
const changed = new Set();
let drawing = false, follow = true, typingTimer = 0;

function label() {
  document.documentElement.lang = language;
  at("text-label").textContent = texts.label;
  at("send").textContent = texts.send;
  at("empty").textContent = texts.empty;
  at("typing-text").textContent = texts.typing;
  box.placeholder = texts.placeholder;
  showState("connecting");
}

function showState(state) {
  at("status").dataset.state = state;
  at("status-text").textContent = texts[state];
}

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

// ── what there is to show ──

function upsert(news) {
  const known = messages.get(news.id);
  messages.set(news.id, { ...known, ...news, at: Math.min(known?.at ?? Infinity, news.at), row: known?.row });
  change(news.id);
}

function remove(id) {
  const known = messages.get(id);
  if (!known || known.pending) return; // ours, still on its way: it is only sent once more
  messages.delete(id);
  known.row?.item.remove();
  changed.delete(id);
  showEmpty();
}

function change(id) {
  changed.add(id);
  if (!drawing) requestAnimationFrame(draw);
  drawing = true;
}

function draw() {
  drawing = false;
  for (const id of changed) drawMessage(messages.get(id));
  changed.clear();
  showEmpty();
  keepUp();
}

function keepUp() {
  if (follow) scroller.scrollTop = scroller.scrollHeight;
}

function showEmpty() {
  at("empty").hidden = messages.size > 0;
}

function drawMessage(message) {
  message.row ??= makeRow(message);
  const { item, bubble, buttons } = message.row;
  item.className = `${message.who}${message.pending ? " pending" : ""}`;
  item.setAttribute("aria-busy", String(message.buttons.some(button => button.action.startsWith("stop:"))));
  const shown = `${message.image ?? ""} ${message.text}`;
  if (message.row.shown !== shown) patch(bubble, contents(message));
  message.row.shown = shown;
  drawButtons(buttons, message);
  place(message);
}

function contents({ who, text, image }) {
  if (!image) return who === "bot" ? render(text) : [text];
  const picture = document.createElement("img"), caption = document.createElement("p");
  picture.addEventListener("load", keepUp);
  picture.src = image;
  picture.alt = caption.textContent = text;
  return text ? [picture, caption] : [picture];
}

function makeRow() {
  const item = document.createElement("li"), bubble = document.createElement("div"), buttons = document.createElement("div");
  bubble.className = "bubble";
  buttons.className = "buttons";
  item.append(bubble, buttons);
  return { item, bubble, buttons };
}

// Blocks that didn't change stay as they are, with their selection and scroll position.
function patch(parent, nodes) {
  const old = [...parent.childNodes];
  nodes.forEach((node, index) => {
    if (!old[index]) parent.append(node);
    else if (typeof node === "string" || !old[index].isEqualNode(node)) old[index].replaceWith(node);
  });
  old.slice(nodes.length).forEach(node => node.remove());
}

function drawButtons(parent, message) {
  const wanted = JSON.stringify(message.buttons);
  if (message.row.wanted === wanted) return;
  message.row.wanted = wanted;
  parent.replaceChildren(...message.buttons.map(({ label: text, action }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => press(button, action));
    return button;
  }));
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

function showTyping(seconds) {
  clearTimeout(typingTimer);
  typing.hidden = seconds <= 0;
  if (seconds > 0) typingTimer = setTimeout(showTyping, seconds * 1000, 0);
  keepUp();
}

// ── what the server tells ──

function listen() {
  const source = new EventSource("/events");
  source.addEventListener("upsert", ({ data }) => {
    const news = JSON.parse(data);
    if (news.who === "bot" && messages.get(news.id)?.text !== news.text) showTyping(0);
    upsert(news);
  });
  source.addEventListener("delete", ({ data }) => remove(JSON.parse(data).id));
  source.addEventListener("typing", ({ data }) => showTyping(JSON.parse(data).seconds));
  source.addEventListener("ready", () => { showState("connected"); wake(); showEmpty(); });
  source.addEventListener("error", () => {
    showState("reconnecting");
    showTyping(0);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000); // the browser has given up; we don't
  });
}

// ── what the person does ──

const outbox = new Map(); // request id → text: what the server hasn't taken yet; kept over a reload
let queue = Promise.resolve();
const sleepers = new Set();

function wake() {
  for (const go of sleepers) go();
}

function pause(milliseconds) {
  return new Promise(resolve => {
    const go = () => { clearTimeout(timer); sleepers.delete(go); resolve(); };
    const timer = setTimeout(go, milliseconds);
    sleepers.add(go);
  });
}

/** Post until the server has taken or refused it: the id stays, so it counts once. The status of its answer. */
async function deliver(path, body) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      const answer = await fetch(path, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      });
      if (answer.status < 500 && answer.status !== 429) return answer.status;
    } catch { /* no connection, or no answer in time: once more */ }
    await pause(wait);
  }
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing where the page isn't on loopback
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function send(id, text) {
  outbox.set(id, text);
  keepOutbox();
  const message = `you-${id}`;
  if (!messages.has(message)) upsert({ id: message, who: "you", text, buttons: [], at: Infinity, pending: true });
  queue = queue.then(async () => {
    const status = await deliver("/say", { id, text });
    outbox.delete(id);
    keepOutbox();
    if (messages.has(message)) upsert({ ...messages.get(message), pending: false });
    if (status !== 200) giveBack(message, text, status);
  });
}

function giveBack(message, text, status) {
  remove(message);
  if (!box.value) box.value = text;
  fit();
  say(status === 413 ? texts.tooLong : texts.refused);
}

function keepOutbox() {
  try { sessionStorage.setItem("outbox", JSON.stringify([...outbox])); } catch { /* no storage: it lives in this page only */ }
}

function resumeOutbox() {
  try {
    for (const [id, text] of JSON.parse(sessionStorage.getItem("outbox") ?? "[]")) send(id, text);
  } catch { /* nothing kept */ }
}

async function press(button, action) {
  button.disabled = true;
  await deliver("/press", { id: newId(), action });
  await pause(3000); // usually the button is gone by then
  button.disabled = false;
}

function submit(event) {
  event?.preventDefault();
  const text = box.value;
  if (!text.trim()) return;
  if (new TextEncoder().encode(JSON.stringify(text)).length > LARGEST_BODY) return say(texts.tooLong);
  say("");
  box.value = "";
  fit();
  follow = true;
  send(newId(), text.toWellFormed?.() ?? text);
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

at("composer").addEventListener("submit", submit);
box.addEventListener("input", fit);
box.addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) submit(event);
});
scroller.addEventListener("scroll", () => {
  follow = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
}, { passive: true });
new ResizeObserver(keepUp).observe(scroller);
label();
resumeOutbox();
listen();
