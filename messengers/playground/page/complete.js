// Commands while they are typed: a list of names, options and values, made from the commands' declarations.
import { announce, at, element, on, text } from "/dom.js";
import { call } from "/net.js";

const ASK_AFTER_MS = 120;
const list = at("choices");

export class Completion {
  /** `box`: the text field; `conversation()`: the open one; `written()`: called when a choice was written into it. */
  constructor(box, { conversation, written }) {
    this.box = box;
    this.conversation = conversation;
    this.written = written;
    this.commands = [];
    this.close();
    on(box, "input", () => this.update());
    on(box, "blur", () => this.close());
    on(list, "mousedown", event => event.preventDefault()); // the focus stays in the text field
    on(list, "click", event => {
      const option = event.target.closest("[role=option]");
      if (option) this.take([...list.children].indexOf(option));
    });
  }

  async update() {
    const asked = this.asked = {};
    const { value, selectionEnd } = this.box;
    if (!value.startsWith("/") || selectionEnd < value.length) return this.close();
    const choices = await this.choices(value, asked);
    if (this.asked === asked) this.show(choices);
  }

  async choices(value, asked) {
    const name = /^\/(\S*)$/.exec(value);
    if (name) return this.names(name[1].toLowerCase());
    const [, word, rest] = /^\/(\S+)\s+([^]*)$/.exec(value) ?? [];
    const command = this.commands.find(each => each.name === word?.toLowerCase());
    return command ? this.values(command, rest, value.length, asked) : [];
  }

  names(typed) {
    return this.commands.filter(({ name }) => name.startsWith(typed)).map(({ name, description, options }) => (
      { value: `/${name}${options.length ? " " : ""}`, label: `/${name}`, detail: description, from: 0 }
    ));
  }

  async values(command, rest, end, asked) {
    const named = /(?:^|\s)--(\w+)(?:=|\s+)(\S*)$/.exec(rest);
    const option = named && command.options.find(({ name }) => name === named[1]);
    if (option) return this.valuesOf(command, option, named[2], end - named[2].length, asked);
    const word = /\S*$/.exec(rest)[0];
    const options = optionNames(command, rest, word, end - word.length);
    const unnamed = command.options.find(({ name }) => !name);
    if (!unnamed || word.startsWith("-")) return options;
    return [...await this.valuesOf(command, unnamed, rest, end - rest.length, asked), ...(word ? [] : options)];
  }

  async valuesOf(command, option, typed, from, asked) {
    if (option.choices?.length) {
      const fitting = option.choices.filter(choice => choice.toLowerCase().startsWith(typed.toLowerCase()));
      return fitting.map(choice => ({ value: choice, label: choice, detail: "", from }));
    }
    if (!option.suggests) return [];
    await new Promise(resolve => setTimeout(resolve, ASK_AFTER_MS));
    if (this.asked !== asked) return [];
    const found = await suggestions(this.conversation(), command.name, option.name, typed);
    return found.map(({ value, label, current, trouble }) => (
      { value, label: label || value, detail: trouble || (current ? text("current") : ""), trouble: Boolean(trouble), from }
    ));
  }

  show(choices) {
    const left = choices.filter(({ value, from }) => this.box.value.slice(from) !== value);
    if (!left.length) return this.close();
    this.found = left;
    list.replaceChildren(...left.map(({ label, detail, trouble }, index) => element("li", [
      element("span", [label], { class: "name" }), element("span", [detail], { class: trouble ? "detail bad" : "detail" }),
    ], { role: "option", id: `choice-${index}`, "aria-selected": "false" })));
    if (list.hidden) announce(text("suggested", { count: left.length }));
    list.hidden = false;
    this.mark(0);
  }

  close() {
    this.asked = null;
    this.found = [];
    list.hidden = true;
    list.replaceChildren();
    this.box.removeAttribute("aria-activedescendant");
  }

  mark(index) {
    list.children[this.marked]?.setAttribute("aria-selected", "false");
    this.marked = (index + this.found.length) % this.found.length;
    list.children[this.marked].setAttribute("aria-selected", "true");
    list.children[this.marked].scrollIntoView({ block: "nearest" });
    this.box.setAttribute("aria-activedescendant", `choice-${this.marked}`);
  }

  take(index) {
    const { value, from } = this.found[index];
    this.box.setRangeText(value, from, this.box.value.length, "end");
    this.close();
    this.written();
    this.box.focus();
    if (value.endsWith(" ")) this.update();
  }

  /** Whether the key was meant for the list. */
  onKey(event) {
    if (!this.found.length || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
    switch (event.key) {
      case "ArrowDown": this.mark(this.marked + 1); break;
      case "ArrowUp": this.mark(this.marked - 1); break;
      case "Escape": this.close(); break;
      case "Enter":
        if (this.isWhole()) { this.close(); return false; }
        // falls through
      case "Tab": this.take(this.marked); break;
      default: return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  // A command that is complete as it stands is sent by Enter, even if more could be chosen.
  isWhole() {
    const name = this.box.value.slice(1).trim().toLowerCase();
    const command = this.commands.find(each => each.name === name);
    const isTyped = command && this.found[this.marked].label === this.box.value.toLowerCase();
    return Boolean(isTyped) && !command.options.some(option => option.required);
  }
}

function optionNames(command, rest, word, from) {
  if (word && !"--".startsWith(word.slice(0, 2))) return [];
  const used = new Set(Array.from(rest.matchAll(/--(\w+)[=\s]/g), match => match[1]));
  const free = command.options.filter(({ name, kind }) => name && kind !== "file" && !used.has(name) && `--${name}`.startsWith(word));
  return free.map(({ name, description }) => ({ value: `--${name} `, label: `--${name}`, detail: description, from }));
}

/** The values that the server proposes, best first; none where it can't be asked. */
export async function suggestions(conversation, command, option, typed) {
  const query = new URLSearchParams({ conversation, command, option, text: typed });
  const { status, data } = await call("GET", `/suggest?${query}`);
  return status === 200 && Array.isArray(data) ? data : [];
}
