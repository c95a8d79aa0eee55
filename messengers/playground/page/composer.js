// Where the person writes: the text, the files that go with it, and a draft of both for every conversation.
import { Completion } from "/complete.js";
import { at, element, errorText, icon, iconButton, kept, notify, on, text } from "/dom.js";
import { plain, upload } from "/net.js";

const LARGEST_BODY = 98_000; // bytes; the server takes 100,000
const MOST_FILES = 10;
const box = at("text");

export class Composer {
  /** `say(text, files)` sends; `stop()` stops the running answer; `conversation()`: the open one; `trouble(is)`: a file has it. */
  constructor({ say, stop, conversation, trouble }) {
    this.say = say;
    this.stop = stop;
    this.trouble = trouble;
    this.drafts = new Map(); // name → {name, text, files}, with files that are still arriving
    this.largest = Infinity;
    this.completion = new Completion(box, { conversation, written: () => this.changed() });
    on(at("composer"), "submit", event => { event.preventDefault(); this.submit(); });
    on(box, "input", () => this.changed());
    on(box, "keydown", event => this.onKey(event));
    on(at("attach"), "click", () => at("picker").click());
    on(at("picker"), "change", () => { this.add(at("picker").files); at("picker").value = ""; });
    on(box, "paste", event => this.onPaste(event));
    this.takeDrops();
  }

  /** Show the draft of this conversation. */
  open(conversation) {
    this.put(this.draftOf(conversation));
    notify("");
  }

  draftOf(conversation) {
    const name = `draft:${conversation}`;
    if (!this.drafts.has(name)) this.drafts.set(name, { text: "", files: [], ...kept.get(name), name });
    return this.drafts.get(name);
  }

  put(draft) {
    this.draft = draft;
    this.drafts.set(draft.name, draft);
    box.value = draft.text;
    this.completion.close();
    this.changed();
    this.drawFiles();
  }

  /** What was refused comes back, before what is being written by now. */
  giveBack({ conversation, text: words, files }) {
    const draft = this.draftOf(conversation);
    draft.files.unshift(...files.filter(file => file.id));
    draft.text = words + (words && draft.text && "\n") + draft.text;
    if (draft === this.draft) this.put(draft);
    else this.keep(draft);
  }

  /** With nothing written, the button stops the answer that is being written. */
  setRunning(isRunning) {
    this.isRunning = isRunning;
    this.drawButton();
  }

  changed() {
    this.draft.text = box.value;
    this.keep();
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
    this.drawButton();
  }

  drawButton() {
    const isStop = Boolean(this.isRunning) && this.isEmpty, button = at("send");
    button.disabled = this.isEmpty && !isStop;
    if (button.dataset.does === String(isStop)) return;
    button.dataset.does = String(isStop);
    button.replaceChildren(icon(isStop ? "stop" : "send"));
    button.title = isStop ? text("stop") : text("send");
    button.setAttribute("aria-label", button.title);
  }

  get isEmpty() {
    return !box.value.trim() && !this.draft.files.length;
  }

  keep(draft = this.draft) {
    const files = draft.files.filter(file => file.id).map(plain);
    kept.set(draft.name, draft.text || files.length ? { text: draft.text, files } : null);
  }

  onKey(event) {
    if (event.isComposing || event.keyCode === 229 || this.completion.onKey(event)) return;
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    if (!this.isEmpty) this.submit();
  }

  submit() {
    if (this.isEmpty) return this.isRunning && this.stop();
    const words = box.value.toWellFormed?.() ?? box.value;
    if (new TextEncoder().encode(JSON.stringify(words)).length > LARGEST_BODY) return notify(text("error.too_long"));
    notify("");
    this.say(words, this.draft.files);
    this.put({ name: this.draft.name, text: "", files: [] });
  }

  onPaste(event) {
    const { files } = event.clipboardData;
    if (!files.length || event.clipboardData.getData("text/plain")) return; // a copied table comes as a picture, too
    event.preventDefault();
    this.add(files);
  }

  takeDrops() {
    const column = at("column");
    const over = event => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); column.classList.add("drop"); } };
    const out = () => column.classList.remove("drop");
    on(document, "dragover", over);
    on(document, "dragleave", event => { if (!event.relatedTarget) out(); });
    on(document, "drop", event => {
      out();
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  add(files) {
    notify("");
    for (const file of files) {
      if (this.draft.files.length >= MOST_FILES) return notify(text("error.too_many_files", { count: MOST_FILES }));
      if (file.size > this.largest) notify(this.tooLarge());
      else this.take(file);
    }
    box.focus();
  }

  tooLarge() {
    return text("error.too_large", { megabytes: Math.floor(this.largest / 2 ** 20) });
  }

  take(file) {
    const chip = { name: file.name || text("picture"), media_type: file.type, size: file.size, leaving: new AbortController() };
    if (file.type.startsWith("image/")) chip.preview = URL.createObjectURL(file);
    const { draft } = this;
    draft.files.push(chip);
    chip.arriving = this.bring(file, chip, draft);
    this.drawFiles();
  }

  // It may have been said meanwhile: then its draft doesn't have it any more.
  async bring(file, chip, draft) {
    const { status, data } = await upload(file, this.trouble, chip.leaving.signal);
    delete chip.arriving;
    if (chip.leaving.signal.aborted) return;
    if (status === 200) Object.assign(chip, data);
    else {
      this.drop(chip, draft);
      chip.error = status === 413 ? this.tooLarge() : errorText(data?.error);
      notify(chip.error);
    }
    this.keep(draft);
    if (draft === this.draft) this.drawFiles();
  }

  drop(chip, draft) {
    draft.files = draft.files.filter(file => file !== chip);
    chip.leaving?.abort();
    if (chip.preview) URL.revokeObjectURL(chip.preview);
  }

  drawFiles() {
    at("files").hidden = !this.draft.files.length;
    at("files").replaceChildren(...this.draft.files.map(chip => this.chip(chip)));
    this.drawButton();
  }

  chip(chip) {
    const isPicture = chip.media_type.startsWith("image/");
    const shown = isPicture ? element("img", [], { src: chip.preview ?? `/files/${chip.id}`, alt: "" }) : icon("file");
    const remove = iconButton("close", text("remove_file", { name: chip.name }), () => {
      this.drop(chip, this.draft);
      this.keep();
      this.drawFiles();
      box.focus();
    });
    const state = element("span", [chip.arriving ? text("uploading") : ""]);
    return element("li", [shown, element("span", [chip.name], { class: "name" }), state, remove], chip.arriving ? { "aria-busy": "true" } : {});
  }
}
