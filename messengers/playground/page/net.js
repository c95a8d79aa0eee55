// Talking to the server: requests that are repeated until they are answered, the outbox, and the stream of events.
import { kept, on } from "/dom.js";

const HIDDEN_MS = 5000; // a tab that nobody looks at for that long gives its connection back: browsers allow six per host
const sleepers = new Set();

function wake() {
  for (const go of sleepers) go();
}

export function pause(milliseconds) {
  return new Promise(resolve => {
    const go = () => { clearTimeout(timer); sleepers.delete(go); resolve(); };
    const timer = setTimeout(go, milliseconds);
    sleepers.add(go);
  });
}

/** One request: {status, data, retryAfter}; status 0 = no answer. */
export async function call(method, path, body) {
  return request(path, { method, ...(body === undefined ? {} : json(body)) });
}

function json(body) {
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

async function request(path, init) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(30_000), ...init });
    const data = await answer.json().catch(() => null);
    return { status: answer.status, data, retryAfter: Number(answer.headers.get("Retry-After")) || 0 };
  } catch {
    return { status: 0, data: null, retryAfter: 0 };
  }
}

/** Post until the server has taken or refused it: its id stays, so it counts once. `trouble(is)`: it fails meanwhile, or no more. */
export async function deliver(path, body, trouble) {
  return insist(() => call("POST", path, body), trouble);
}

async function insist(attempt, trouble, signal) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    const answer = await attempt(), { status } = answer, isOver = signal?.aborted || status && status < 500 && status !== 429;
    if (status || isOver) trouble(!isOver);
    if (isOver) return answer;
    await pause(Math.max(wait, answer.retryAfter * 1000));
  }
}

/** `signal`: aborted once nobody wants it any more. How long it may take the server says. */
export async function upload(file, trouble, signal) {
  const init = { method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file, signal };
  return insist(() => request(`/files?name=${encodeURIComponent(file.name)}`, init), trouble, signal);
}

/** What of a file the server knows; its id is missing until it has arrived. */
export function plain({ id, name, media_type, size }) {
  return { id, name, media_type, size };
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing where the page isn't on loopback
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** What was said but not yet taken by the server, in each conversation's order; kept over a reload. */
export class Outbox {
  /** Files may still be `arriving`. Where one doesn't, or the page was left before it did, what was said is `unsent`. */
  constructor({ waiting, taken, unsent, trouble }) {
    this.said = new Map();
    this.queues = new Map();
    this.tell = { waiting, taken, unsent, trouble };
  }

  send(said) {
    const before = this.queues.get(said.conversation) ?? Promise.resolve();
    this.said.set(said.id, said);
    this.keep();
    this.tell.waiting(said);
    this.queues.set(said.conversation, before.then(() => this.deliver(said)).catch(reportError));
  }

  async deliver(said) {
    const { id, conversation, text, files } = said;
    if (files.some(file => file.arriving)) {
      await Promise.all(files.map(file => file.arriving));
      this.keep();
      this.tell.waiting(said);
    }
    const whole = files.every(file => file.id);
    const answer = whole && await deliver("/say", { id, conversation, text, files: files.map(file => file.id) }, this.tell.trouble);
    this.said.delete(id);
    this.keep();
    if (whole) this.tell.taken(said, answer);
    else this.tell.unsent(said);
  }

  of(conversation) {
    return [...this.said.values()].filter(said => said.conversation === conversation);
  }

  resume() {
    for (const said of kept.get("outbox") ?? []) {
      if (said.files.every(file => file.id)) this.send(said);
      else this.tell.unsent(said);
    }
  }

  keep() {
    const all = [...this.said.values()].map(said => ({ ...said, files: said.files.map(plain) }));
    kept.set("outbox", all.length ? all : null);
  }
}

/** The events of one conversation, over restarts of the server. `handlers`: by the event's name, and `state`, `refused`. */
export class Stream {
  constructor(handlers) {
    this.handle = handlers;
    this.source = null;
    this.conversation = "";
    on(document, "visibilitychange", () => this.seen());
    on(window, "online", () => { wake(); if (this.source?.readyState !== EventSource.OPEN) this.connect(); });
  }

  open(conversation) {
    this.conversation = conversation;
    this.connect();
  }

  close() {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }

  connect() {
    this.close();
    if (!this.conversation) return;
    const source = this.source = new EventSource(`/events?conversation=${this.conversation}`);
    for (const name of ["conversation", "conversation-gone", "upsert", "delete", "typing", "ready"]) {
      on(source, name, ({ data }) => this.handle[name](JSON.parse(data)));
    }
    on(source, "ready", () => { this.handle.state("connected"); wake(); });
    on(source, "error", () => this.failed(source));
  }

  failed(source) {
    this.handle.state("reconnecting");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    this.close();
    this.again = setTimeout(() => this.handle.refused(), 1500); // a proxy's error page, or the login is over
  }

  seen() {
    clearTimeout(this.resting);
    if (document.hidden) this.resting = setTimeout(() => this.close(), HIDDEN_MS);
    else if (!this.source && this.conversation) this.connect();
  }
}
