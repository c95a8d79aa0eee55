// The model chooser in the header: a menu of what /model proposes, with what is known about each one's availability.
import { suggestions } from "/complete.js";
import { at, element, icon, on, text } from "/dom.js";

const MOST = 25; // the server proposes no more; the others are found by typing
const button = at("model"), menu = at("models");

export class Models {
  /** `choose(name)` and `search()` act; `conversation()`: the open one. */
  constructor({ choose, search, conversation }) {
    this.choose = choose;
    this.search = search;
    this.conversation = conversation;
    on(button, "click", () => (menu.hidden ? this.open() : this.close()));
    on(menu, "keydown", event => this.onKey(event));
    on(document, "pointerdown", event => { if (!at("chooser").contains(event.target)) this.close(false); });
    on(menu, "focusout", event => { if (event.relatedTarget && !at("chooser").contains(event.relatedTarget)) this.close(false); });
  }

  async refresh() {
    const conversation = this.conversation();
    const found = await suggestions(conversation, "model", "", "");
    if (conversation !== this.conversation()) return;
    const current = found.find(model => model.current);
    button.hidden = !found.length;
    at("model-name").textContent = current ? current.label || current.value : text("model");
    at("model-trouble").hidden = !current?.trouble;
    button.title = current?.trouble || text("model");
    this.found = found;
    if (!menu.hidden) this.draw();
  }

  async open() {
    this.draw();
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    (menu.querySelector("[aria-checked=true]") ?? menu.firstChild)?.focus();
    await this.refresh();
  }

  close(takesFocus = true) {
    if (menu.hidden) return;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (takesFocus) button.focus();
  }

  draw() {
    const focused = [...menu.children].indexOf(document.activeElement);
    const items = (this.found ?? []).map(model => this.item(model));
    if (items.length >= MOST) items.push(this.more());
    menu.replaceChildren(...items);
    if (focused >= 0) menu.children[Math.min(focused, items.length - 1)]?.focus();
  }

  item({ value, label, current, trouble }) {
    const said = [element("span", [label || value], { class: "name" }), ...(trouble ? [element("span", [trouble], { class: "detail bad" })] : [])];
    const made = element("button", [icon("check"), element("span", said)], {
      role: "menuitemradio", "aria-checked": String(Boolean(current)), tabindex: "-1",
    });
    on(made, "click", () => { this.close(); if (!current) this.choose(value); });
    return made;
  }

  more() {
    const made = element("button", [text("more_models")], { role: "menuitem", tabindex: "-1" });
    on(made, "click", () => { this.close(false); this.search(); });
    return made;
  }

  onKey(event) {
    const items = [...menu.children], now = items.indexOf(document.activeElement);
    if (event.key === "ArrowDown") items[(now + 1) % items.length].focus();
    else if (event.key === "ArrowUp") items.at(now - 1).focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close();
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
  }
}
