// Markdown to elements, for text that nobody vouches for: every node is built, nothing is ever parsed as HTML.
// What is not understood stays text. What is open at the end of a reply that still streams is closed: fences, block formulas,
// `code` and **strong words**; the rest turns into what it is once it is complete.
import { element, icon, text } from "/dom.js";
import { formula } from "/formula.js";
import { highlight } from "/highlight.js";
import { inline } from "/inline.js";

const DEEPEST = 12; // quotes and lists inside each other; deeper ones stay text
const FENCE = /^\s*(`{3,}|~{3,})[ \t]*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}>[ \t]?/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:([ \t]+)(.*)|$)/;
const TABLE_RULE = /^:?-+:?$/; // in each cell
const MATH = /^\s*(\$\$|\\\[)/;
const TROUBLE = /^(?:⚠️|🚫|✂️)/u; // how the bot begins a paragraph about something that went wrong

/** The nodes that show this Markdown. `isGrowing`: its end isn't written yet. */
export function render(source, isGrowing = false) {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  if (isGrowing && !lines.reduce(fenceAfter, null)) lines.push(closed(lines.pop()));
  return blocks(lines, 0);
}

// One star of the closing two may be there already.
function closed(line) {
  if (line.split("`").length % 2 === 0) return line.endsWith("`") ? line : line + "`";
  const isStrong = line.split("**").length % 2 === 0 && /\*\*[^\s*][^*]*\*?$/.test(line);
  return isStrong ? line.trimEnd() + (line.endsWith("*") ? "*" : "**") : line;
}

function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) { at++; continue; }
    const [node, next] = block(lines, at, depth);
    made.push(node);
    at = next;
  }
  return made;
}

function block(lines, at, depth) {
  const line = lines[at];
  const fence = fenceOf(line);
  if (fence) return codeBlock(lines, at, fence);
  const math = mathBlock(lines, at);
  if (math) return [mathFigure(math.source, math.after), math.next];
  const heading = HEADING.exec(line);
  if (heading) return [element(`h${Math.min(heading[1].length + 1, 6)}`, inline((heading[2] ?? "").trimEnd().replace(/(?<=^|[ \t])#+$/, "").trimEnd())), at + 1];
  if (RULE.test(line)) return [element("hr", []), at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quote(lines, at, depth);
  if (startsTable(lines, at)) return table(lines, at);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth);
  return paragraph(lines, at, depth);
}

function fenceOf(line) {
  const match = FENCE.exec(line);
  return match && !(match[1][0] === "`" && match[2].includes("`")) ? match : null;
}

function codeBlock(lines, at, fence) {
  const strip = columns(lines[at]);
  const end = new RegExp(`^\\s{0,${strip + 3}}${fence[1][0]}{${fence[1].length},}[ \\t]*$`);
  const code = [];
  for (at++; at < lines.length && !end.test(lines[at]); at++) code.push(dedent(lines[at], strip));
  const language = fence[2].trim().split(/[\s{,]/)[0];
  return [codeFigure(code.join("\n"), language), at + 1];
}

function codeFigure(code, language) {
  const copy = element("button", [icon("copy"), element("span", [text("copy")])], { class: "copy", "aria-label": text("copy_code") });
  const caption = element("figcaption", [element("span", [language]), copy]);
  const pre = element("pre", [element("code", highlight(code, language))], { tabindex: "0" });
  return element("figure", [caption, pre], { class: "code" });
}

// A formula on lines of its own: {source, after, next}. An open one is one only while it is the last thing there is.
function mathBlock(lines, at) {
  const opening = MATH.exec(lines[at])?.[1];
  if (!opening) return null;
  const closing = opening === "$$" ? "$$" : "\\]";
  const source = [];
  let rest = lines[at].trim().slice(2);
  while (!rest.includes(closing)) {
    source.push(rest);
    if (++at === lines.length) return { source: source.join("\n"), after: "", next: at };
    if (!lines[at].trim() || fenceOf(lines[at]) || MATH.test(lines[at]) && !lines[at].includes(closing)) return null;
    rest = lines[at];
  }
  const [last, after] = [rest.slice(0, rest.indexOf(closing)), rest.slice(rest.indexOf(closing) + 2)];
  return after.replace(/[\s.,;:]/g, "") ? null : { source: [...source, last].join("\n"), after: after.trim(), next: at + 1 };
}

function mathFigure(source, after) {
  return element("div", [formula(source.trim(), true), after], { class: "formula", tabindex: "0" });
}

function quote(lines, at, depth) {
  const inner = [];
  for (; at < lines.length && QUOTE.test(lines[at]); at++) inner.push(lines[at].replace(QUOTE, ""));
  return [element("blockquote", blocks(inner, depth + 1), { dir: "auto" }), at];
}

function paragraph(lines, at, depth) {
  const said = [lines[at++]];
  while (at < lines.length && lines[at].trim() && !interrupts(lines, at, depth)) said.push(lines[at++]);
  const words = said.join("\n").trim();
  return [element("p", inline(words), TROUBLE.test(words) ? { class: "trouble" } : {}), at];
}

function interrupts(lines, at, depth) {
  const line = lines[at];
  if (fenceOf(line) || MATH.test(line) && mathBlock(lines, at) || HEADING.test(line) || RULE.test(line) || startsTable(lines, at)) return true;
  if (depth >= DEEPEST) return false;
  const item = ITEM.exec(line);
  return QUOTE.test(line) || Boolean(item?.[4]) && (item[2].length === 1 || /^1[.)]/.test(item[2]));
}

// A list is read as models write it: two columns more than the mark are enough to belong to an item.
function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  const kind = first[2].at(-1);
  const outer = columns(first[1]);
  const items = [];
  let loose = false;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[2].at(-1) !== kind || columns(item[1]) >= outer + 2 || RULE.test(lines[at])) break;
    const inside = columns(item[1]) + item[2].length + Math.min(columns(item[3] ?? " "), 4);
    const inner = [item[4] ?? ""];
    let fence = fenceAfter(null, inner[0]), next = 0;
    at++;
    for (; at < lines.length; at++) {
      const line = lines[at];
      if (next < at) next = nextText(lines, at);
      if (next === lines.length) { at = next; break; }
      const deeper = columns(lines[next]) >= outer + 2;
      const lazy = next === at && inner.at(-1).trim() && !ITEM.test(line) && !interrupts(lines, at, depth) && !fence;
      if (!deeper && !lazy) {
        if (next > at && sameList(lines[next], kind, outer)) { loose = true; at = next; }
        break;
      }
      if (next > at && !fence) loose ||= !ITEM.test(lines[next]);
      inner.push(dedent(line, inside));
      fence = fenceAfter(fence, inner.at(-1));
    }
    items.push(inner);
  }
  const ordered = kind === "." || kind === ")";
  const attributes = { dir: "auto", ...(loose ? {} : { class: "tight" }), ...(ordered ? { start: String(parseInt(first[2], 10)) } : {}) };
  return [element(ordered ? "ol" : "ul", items.map(inner => listItem(inner, loose, depth)), attributes), at];
}

function nextText(lines, at) {
  while (at < lines.length && !lines[at].trim()) at++;
  return at;
}

function sameList(line, kind, outer) {
  const item = ITEM.exec(line);
  return item && item[2].at(-1) === kind && columns(item[1]) < outer + 2 && !RULE.test(line);
}

// The fence that is open after this line, if it was `open` before it.
function fenceAfter(open, line) {
  const fence = fenceOf(line);
  if (!open) return fence;
  return fence && fence[1][0] === open[1][0] && fence[1].length >= open[1].length && !fence[2].trim() ? null : open;
}

function listItem(lines, loose, depth) {
  const task = /^\[([ xX])\][ \t]+/.exec(lines[0]);
  const content = task ? [lines[0].slice(task[0].length), ...lines.slice(1)] : lines;
  const nodes = blocks(content, depth + 1);
  const bare = loose ? nodes : nodes.flatMap(node => (node.localName === "p" ? [...node.childNodes] : [node]));
  return task ? element("li", [task[1] === " " ? "☐ " : "☑ ", ...bare], { class: "task" }) : element("li", bare);
}

function columns(text) {
  let count = 0;
  for (const character of text) {
    if (character === " ") count++;
    else if (character === "\t") count += 4 - (count % 4);
    else break;
  }
  return count;
}

function dedent(line, count) {
  let column = 0;
  let from = 0;
  for (; column < count && (line[from] === " " || line[from] === "\t"); from++) column += line[from] === " " ? 1 : 4 - (column % 4);
  return " ".repeat(Math.max(0, column - count)) + line.slice(from);
}

function startsTable(lines, at) {
  const rule = lines[at + 1];
  return lines[at].includes("|") && rule !== undefined && rule.includes("-")
    && cells(rule).every(cell => TABLE_RULE.test(cell)) && cells(lines[at]).length === cells(rule).length;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, at) {
  const sides = cells(lines[at + 1]).map(rule => (rule.endsWith(":") ? (rule.startsWith(":") ? "center" : "right") : ""));
  const row = (line, name) => {
    const texts = cells(line);
    return element("tr", sides.map((side, index) => element(name, inline(texts[index] ?? ""), side ? { class: side } : {})));
  };
  const head = row(lines[at], "th");
  const body = [];
  for (at += 2; at < lines.length && lines[at].trim() && lines[at].includes("|"); at++) body.push(row(lines[at], "td"));
  const grid = element("table", [element("thead", [head]), element("tbody", body)]);
  return [element("div", [grid], { class: "table", tabindex: "0", role: "region", "aria-label": head.textContent.slice(0, 80) }), at];
}
