// The playground's page: puts its parts together. What there is to show comes from the server, as events; what the person
// does goes to it, and counts once however often it must be sent.
import { Composer } from "/composer.js";
import { at, element, errorText, kept, notify, on, speak, text } from "/dom.js";
import { askPassword } from "/login.js";
import { Messages } from "/messages.js";
import { Models } from "/models.js";
import { call, deliver, newId, Outbox, pause, plain, Stream } from "/net.js";
import { Sidebar } from "/sidebar.js";

const CONVERSATION = /^#[a-z0-9-]{1,36}$/;
const EXAMPLES = ["example.sky", "example.code", "example.table"];

let current = "";
const conversation = () => current;
const messages = new Messages({ press, changed: () => composer.setRunning(Boolean(messages.stopping)) });
const composer = new Composer({ say, stop, conversation, trouble });
const sidebar = new Sidebar({ current: conversation, gone: leave, begin });
const models = new Models({ choose: name => say(`/model ${name}`, []), search: searchModels, conversation });
const outbox = new Outbox({ waiting: showWaiting, taken, unsent, trouble });
const stream = new Stream({
  conversation: news => sidebar.upsert(news),
  "conversation-gone": ({ id }) => sidebar.remove(id),
  upsert: news => messages.upsert(news),
  delete: ({ id }) => messages.remove(id),
  typing: ({ seconds }) => messages.showTyping(seconds),
  ready: news => { sidebar.ready(); messages.ready(news); models.refresh(); },
  state: showState,
  refused: start,
});

/** Ask the server who we are to it, until it says; then show the conversation that the address names. */
async function start() {
  for (;;) {
    const { status, data } = await call("GET", "/start");
    if (data?.texts) speak(data.language, data.texts);
    if (status === 200) return enter(data);
    if (status === 401) await askPassword();
    else await pause(1000);
  }
}

function enter({ commands, login, largest_file: largest }) {
  document.body.dataset.view = "chat";
  composer.completion.commands = commands;
  composer.largest = largest;
  at("logout").hidden = !login;
  at("text").placeholder = text("placeholder");
  showExamples();
  if (current) return stream.connect();
  open(named() || kept.get("conversation") || "main");
  outbox.resume();
}

const named = () => (CONVERSATION.test(location.hash) ? location.hash.slice(1) : "");

function open(id) {
  if (id === current) return;
  current = id;
  kept.set("conversation", id);
  history.replaceState(null, "", `#${id}`);
  messages.clear();
  for (const said of outbox.of(id)) showWaiting(said);
  composer.open(id);
  sidebar.draw();
  stream.open(id);
  focusText();
}

function begin() {
  sidebar.open(false);
  if (at("empty").hidden) go(newId());
  focusText();
}

function leave(id) {
  if (id === current) go(sidebar.newest || newId());
}

function go(id) {
  history.pushState(null, "", `#${id}`);
  open(id);
}

function focusText() {
  if (!matchMedia("(hover: none) and (pointer: coarse)").matches) at("text").focus(); // on a phone the keyboard would cover half of the page
}

function showState(state) {
  at("status").dataset.state = state;
  at("status-text").textContent = state === "connected" ? text("connected") : text("reconnecting");
  if (state === "reconnecting") messages.showTyping(0);
}

function showExamples() {
  at("examples").replaceChildren(...EXAMPLES.map(key => {
    const button = element("button", [text(key)]);
    on(button, "click", () => { say(text(key), []); focusText(); });
    return element("li", [button]);
  }));
}

function searchModels() {
  composer.put({ ...composer.draft, text: "/model " });
  at("text").focus();
  composer.completion.update();
}

function say(words, files) {
  messages.toEnd();
  outbox.send({ id: newId(), conversation: current, text: words, files });
}

const messageOf = said => `you-${said.id}`;

function showWaiting(said) {
  if (said.conversation !== current || messages.known.get(messageOf(said))?.pending === false) return;
  const files = said.files.map(file => ({ ...plain(file), preview: file.preview }));
  messages.upsert({ id: messageOf(said), who: "you", text: said.text, files, buttons: [], at: Infinity, pending: true });
}

function taken(said, { status, data }) {
  if (said.conversation === current) messages.pendingOver(messageOf(said));
  if (status === 200) return said.text.startsWith("/model") && refreshModels();
  unsent(said);
  notify(status === 413 ? text("error.too_long") : errorText(data?.error));
  if (status === 401) start();
}

// A file didn't arrive: what was said goes back to where it was written.
function unsent(said) {
  if (said.conversation === current) messages.remove(messageOf(said), true);
  composer.giveBack(said);
}

// The server can't keep what we send, which is sent again and again; or it can at last.
function trouble(is) {
  const sentence = text("error.not_stored");
  if (is) notify(sentence);
  else if (at("notice").textContent === sentence) notify("");
}

async function press(action) {
  const { status, data } = await deliver("/press", { id: newId(), conversation: current, action }, trouble);
  if (status !== 200) notify(errorText(data?.error));
  if (action.startsWith("model:")) refreshModels();
  await pause(3000);
}

function stop() {
  if (messages.stopping) press(messages.stopping);
}

// A command is done a moment after it was taken.
function refreshModels() {
  for (const milliseconds of [300, 1500]) setTimeout(() => models.refresh(), milliseconds);
}

on(at("earlier"), "click", async () => {
  const conversation = current;
  at("earlier").disabled = true;
  const { status, data } = await call("GET", `/earlier?conversation=${conversation}&before=${messages.earlier}`);
  at("earlier").disabled = false;
  if (conversation !== current) return;
  if (status === 200) messages.prepend(data);
  else notify(errorText(status ? data?.error : "unreachable"));
});
on(window, "hashchange", () => { if (named()) open(named()); });
on(at("skip"), "click", event => { event.preventDefault(); at("text").focus(); });
on(at("logout"), "click", async () => {
  await call("POST", "/logout", {});
  kept.clear();
  location.reload();
});
on(document, "keydown", event => {
  const isAltGr = event.getModifierState("AltGraph"); // which some keyboards report as Ctrl+Alt, for letters of theirs
  if (event.code === "KeyN" && event.ctrlKey && event.altKey && !isAltGr) { event.preventDefault(); begin(); }
  if (event.key === "Escape" && !event.isComposing && !at("ask").open) stop();
});
start();
