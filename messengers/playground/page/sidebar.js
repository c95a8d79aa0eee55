// The conversations: a list that is a drawer on phones; renaming and deleting.
import { at, element, errorText, iconButton, notify, on, text } from "/dom.js";
import { call } from "/net.js";

const list = at("conversations");
const narrow = matchMedia("(max-width: 52rem)");

export class Sidebar {
  /** `current()`: the open conversation; `gone(id)`: it was deleted; `begin()`: a new one is wanted. */
  constructor({ current, gone, begin }) {
    this.current = current;
    this.gone = gone;
    this.known = new Map(); // id → {id, title, at, busy}
    this.told = new Set(); // since the stream was opened
    this.rows = new Map();
    for (const id of ["new", "new-here"]) on(at(id), "click", begin);
    on(at("show-sidebar"), "click", () => this.open(true));
    on(at("hide-sidebar"), "click", () => this.open(false));
    on(at("shade"), "click", () => this.open(false));
    on(narrow, "change", () => this.open(false));
    on(at("sidebar"), "keydown", event => { if (event.key === "Escape" && narrow.matches) { event.stopPropagation(); this.open(false); } });
    on(list, "click", event => { if (event.target.closest("a")) this.open(false); });
    this.open(false);
  }

  /** The drawer of a phone. What is behind it can't be reached meanwhile. */
  open(isOpen) {
    const wasOpen = document.body.classList.contains("drawer");
    document.body.classList.toggle("drawer", isOpen);
    at("column").inert = isOpen;
    at("sidebar").inert = narrow.matches && !isOpen;
    at("show-sidebar").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) at("hide-sidebar").focus();
    else if (wasOpen) at("show-sidebar").focus();
  }

  upsert(conversation) {
    this.told.add(conversation.id);
    this.known.set(conversation.id, conversation);
    this.drawing ??= setTimeout(() => this.draw()); // many may come at once
  }

  remove(id) {
    if (!this.known.delete(id)) return;
    this.draw();
    this.gone(id);
  }

  /** All there are have been told: the others were deleted while we were away. */
  ready() {
    for (const id of this.known.keys()) if (!this.told.has(id) && id !== this.current()) this.known.delete(id);
    this.told.clear();
    this.draw();
  }

  /** The most recent one. */
  get newest() {
    return this.sorted()[0]?.id ?? "";
  }

  title(id) {
    return this.known.get(id)?.title || text("untitled");
  }

  sorted() {
    const begun = [...this.known.values()].filter(({ id, title, at: said }) => title || said || id === this.current());
    return begun.sort((one, other) => other.at - one.at);
  }

  draw() {
    clearTimeout(this.drawing);
    this.drawing = undefined;
    const current = this.current(), shown = this.sorted();
    if (current && !this.known.has(current)) shown.unshift({ id: current, title: "", at: Infinity, busy: false, isNew: true });
    for (const [id, row] of this.rows) if (!shown.some(each => each.id === id)) { row.remove(); this.rows.delete(id); }
    shown.forEach((conversation, index) => {
      const row = this.rows.get(conversation.id) ?? this.makeRow(conversation.id);
      this.fill(row, conversation);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    document.title = current && this.known.get(current)?.title ? `${this.title(current)} – Parley` : "Parley";
    at("title").textContent = this.title(current);
  }

  makeRow(id) {
    const row = element("li", [element("a", [element("span", [], { class: "name" }), element("i", [], { class: "busy" })], { href: `#${id}` })]);
    row.append(
      iconButton("pencil", "", () => this.rename(id, row)),
      iconButton("bin", "", () => this.delete(id)),
    );
    this.rows.set(id, row);
    return row;
  }

  fill(row, { id, busy, isNew }) {
    const title = this.title(id), [link, pencil, bin] = row.children;
    const isCurrent = id === this.current();
    row.classList.toggle("current", isCurrent);
    link.firstChild.textContent = link.title = title;
    link.lastChild.hidden = !busy;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    for (const [button, label] of [[pencil, text("rename", { title })], [bin, text("delete.title", { title })]]) {
      button.hidden = Boolean(isNew);
      button.title = label;
      button.setAttribute("aria-label", label);
    }
  }

  rename(id, row) {
    const field = element("input", [], { type: "text", maxlength: "60", "aria-label": text("rename", { title: this.title(id) }) });
    field.value = this.title(id);
    const end = async keeps => {
      field.onblur = null;
      field.remove();
      row.classList.remove("renaming");
      const title = field.value.trim();
      if (keeps && title && title !== this.title(id)) this.change(id, title);
    };
    field.onblur = () => end(true);
    field.onkeydown = event => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      end(event.key === "Enter");
      row.firstChild.focus();
    };
    row.classList.add("renaming");
    row.append(field);
    field.select();
  }

  async change(id, title) {
    const { status, data } = await call("PATCH", `/conversations/${id}`, { title });
    if (status !== 200) notify(errorText(status ? data?.error : "unreachable"));
    else this.upsert({ ...this.known.get(id), title });
  }

  async delete(id) {
    if (!await confirmed(text("delete.title", { title: this.title(id) }))) return;
    const { status, data } = await call("DELETE", `/conversations/${id}`);
    if (status !== 200 && status !== 404) return notify(errorText(status ? data?.error : "unreachable"));
    at("new").focus();
    this.remove(id);
  }
}

/** Ask in a dialog; Escape and "keep" mean no. */
function confirmed(question) {
  const dialog = at("ask");
  at("ask-title").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => on(dialog, "close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
