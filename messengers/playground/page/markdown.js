// Markdown to elements, for text that nobody vouches for: every node is built, nothing is ever parsed as HTML.
// What is not understood stays text. Half-written constructs (a reply that still streams) are closed at the end.

const DEEPEST = 12; // quotes and lists inside each other; deeper ones stay text
const LONGEST_LABEL = 1000;
const FENCE = /^\s*(`{3,}|~{3,})[ \t]*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}>[ \t]?/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:([ \t]+)(.*)|$)/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/** The nodes that show this Markdown. */
export function render(source) {
  return blocks(source.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function element(name, children, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ── blocks ──

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
  const heading = HEADING.exec(line);
  if (heading) return [element(`h${Math.min(heading[1].length + 1, 6)}`, inline(heading[2] ?? "")), at + 1];
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
  const attributes = language ? { "data-language": language, tabindex: "0" } : { tabindex: "0" };
  return [element("pre", [element("code", [code.join("\n")])], attributes), at + 1];
}

function quote(lines, at, depth) {
  const inner = [];
  for (; at < lines.length && QUOTE.test(lines[at]); at++) inner.push(lines[at].replace(QUOTE, ""));
  return [element("blockquote", blocks(inner, depth + 1)), at];
}

function paragraph(lines, at, depth) {
  const text = [lines[at++]];
  while (at < lines.length && lines[at].trim() && !interrupts(lines, at, depth)) text.push(lines[at++]);
  return [element("p", inline(text.join("\n").trim())), at];
}

function interrupts(lines, at, depth) {
  const line = lines[at];
  if (fenceOf(line) || HEADING.test(line) || RULE.test(line) || startsTable(lines, at)) return true;
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
    at++;
    for (; at < lines.length; at++) {
      const line = lines[at];
      const next = nextText(lines, at);
      if (next === lines.length) { at = next; break; }
      const deeper = columns(lines[next]) >= outer + 2;
      const lazy = next === at && inner.at(-1).trim() && !ITEM.test(line) && !interrupts(lines, at, depth) && !fenceIn(inner);
      if (!deeper && !lazy) {
        if (next > at && sameList(lines[next], kind, outer)) { loose = true; at = next; }
        break;
      }
      if (next > at && !fenceIn(inner)) loose ||= !ITEM.test(lines[next]);
      inner.push(dedent(line, inside));
    }
    items.push(inner);
  }
  const ordered = kind === "." || kind === ")";
  const attributes = { ...(loose ? {} : { class: "tight" }), ...(ordered ? { start: String(parseInt(first[2], 10)) } : {}) };
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

function fenceIn(lines) {
  let open = null;
  for (const line of lines) {
    const fence = fenceOf(line);
    if (!open) open = fence;
    else if (fence && fence[1][0] === open[1][0] && fence[1].length >= open[1].length && !fence[2].trim()) open = null;
  }
  return open !== null;
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
  return lines[at].includes("|") && rule !== undefined && rule.includes("-") && TABLE_RULE.test(rule)
    && cells(lines[at]).length === cells(rule).length;
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

// ── inside a line: the delimiter stack of CommonMark, section 6.2 ──

function inline(text, linked = false, depth = 0) {
  return emphasise(tokens(text, linked, depth));
}

function tokens(text, linked, depth) {
  const found = [];
  let plain = "";
  let at = 0;
  const push = (token, length) => {
    if (plain) found.push(plain);
    plain = "";
    found.push(token);
    at += length;
  };
  while (at < text.length) {
    const character = text[at];
    let special = null;
    if (character === "\\" && PUNCTUATION.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    if (character === "`") special = codeSpan(text, at);
    else if (character === "*" || character === "_" || character === "~") special = delimiter(text, at);
    else if (!linked && depth < 4 && (character === "[" || (character === "!" && text[at + 1] === "["))) special = link(text, at, depth);
    else if (!linked && (character === "<" || text.startsWith("http", at))) special = bareLink(text, at);
    if (special) push(...special);
    else {
      const run = character === "`" ? /^`+/.exec(text.slice(at))[0] : character;
      plain += run;
      at += run.length;
    }
  }
  if (plain) found.push(plain);
  return found;
}

function codeSpan(text, at) {
  const ticks = runLength(text, at);
  for (let end = text.indexOf("`", at + ticks); end >= 0; end = text.indexOf("`", end)) {
    const length = runLength(text, end);
    if (length === ticks) {
      let code = text.slice(at + ticks, end).replaceAll("\n", " ");
      if (/^ .*[^ ].* $|^ [^ ] $/.test(code)) code = code.slice(1, -1);
      return [element("code", [code]), end + ticks - at];
    }
    end += length;
  }
  return null;
}

function runLength(text, at) {
  let end = at;
  while (text[end] === text[at]) end++;
  return end - at;
}

function delimiter(text, at) {
  const mark = text[at];
  const count = runLength(text, at);
  if (mark === "~" && count !== 2) return ["~".repeat(count), count];
  const before = text[at - 1] ?? " ";
  const after = text[at + count] ?? " ";
  const isSpace = character => /\s/.test(character);
  const isMark = character => /[\p{P}\p{S}]/u.test(character);
  const left = !isSpace(after) && (!isMark(after) || isSpace(before) || isMark(before));
  const right = !isSpace(before) && (!isMark(before) || isSpace(after) || isMark(after));
  const open = mark === "_" ? left && (!right || isMark(before)) : left;
  const close = mark === "_" ? right && (!left || isMark(after)) : right;
  return [{ mark, count, length: count, open, close }, count];
}

function emphasise(found) {
  const stack = [];
  const nothingBelow = {}; // where the search for an opener of this kind was in vain: keeps long runs linear
  for (const token of found) {
    if (token.close) closeWith(token, stack, nothingBelow);
    if (!token.mark) stack.push(token);
    else if (token.count) stack.push(token.open ? token : token.mark.repeat(token.count));
  }
  return stack.map(asNode);
}

function closeWith(token, stack, nothingBelow) {
  const kind = `${token.mark}${token.open}${token.length % 3}`;
  while (token.count) {
    const floor = nothingBelow[kind] ?? 0;
    let opener = stack.length - 1;
    while (opener >= floor && !matches(stack[opener], token)) opener--;
    if (opener < floor) {
      nothingBelow[kind] = stack.length;
      return;
    }
    const used = Math.min(2, stack[opener].count, token.count);
    const tag = token.mark === "~" ? "del" : used === 2 ? "strong" : "em";
    const wrapped = element(tag, stack.splice(opener + 1).map(asNode));
    stack[opener].count -= used;
    token.count -= used;
    if (!stack[opener].count) stack.pop();
    stack.push(wrapped);
    for (const key of Object.keys(nothingBelow)) nothingBelow[key] = Math.min(nothingBelow[key], stack.length);
  }
}

function matches(opener, closer) {
  if (opener.mark !== closer.mark || !opener.open || !opener.count) return false;
  const both = opener.close || closer.open;
  return !both || (opener.length + closer.length) % 3 !== 0 || (opener.length % 3 === 0 && closer.length % 3 === 0);
}

function asNode(token) {
  return token.mark ? token.mark.repeat(token.count) : token;
}

// ── links ──

function link(text, at, depth) {
  const start = text[at] === "!" ? at + 2 : at + 1;
  const end = closing(text, start, "[", "]", LONGEST_LABEL);
  if (end < 0 || text[end + 1] !== "(") return null;
  const close = closing(text, end + 2, "(", ")", 4000);
  if (close < 0) return null;
  const target = /^\s*(?:<([^<>\n]*)>|(\S+?))(?:\s+(?:"[^]*"|'[^]*'|\([^]*\)))?\s*$/.exec(text.slice(end + 2, close));
  const address = target && safeAddress(target[1] ?? target[2]);
  if (!address) return null;
  const label = text.slice(start, end);
  return [anchor(address, label.trim() ? inline(label, true, depth + 1) : [address]), close + 1 - at];
}

function closing(text, at, opening, end, longest) {
  let open = 1;
  for (const stop = Math.min(text.length, at + longest); at < stop; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === opening) open++;
    else if (text[at] === end && --open === 0) return at;
  }
  return -1;
}

function bareLink(text, at) {
  const rest = text.slice(at, at + 2048);
  const framed = /^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i.exec(rest);
  if (framed) {
    const address = safeAddress(framed[1]);
    return address && [anchor(address, [framed[1]]), framed[0].length];
  }
  if (/[\p{L}\p{N}_]/u.test(text[at - 1] ?? "")) return null;
  let bare = /^https?:\/\/[^\s<>"`*|]+/i.exec(rest)?.[0].replace(/[.,:;!?'_~\]]+$/, "");
  while (bare?.endsWith(")") && bare.split(")").length > bare.split("(").length) bare = bare.slice(0, -1).replace(/[.,:;!?]+$/, "");
  const address = bare && safeAddress(bare);
  return address ? [anchor(address, [bare]), bare.length] : null;
}

/** The address, if a link may lead there: what the browser itself makes of the scheme decides. */
function safeAddress(text) {
  const address = text.replace(/\\([!-/:-@[-`{-~])/g, "$1");
  if (!/^(?:https?:\/\/|mailto:)/i.test(address)) return null;
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(address).protocol) ? address : null;
  } catch {
    return null;
  }
}

function anchor(address, children) {
  return element("a", children, { href: address, target: "_blank", rel: "noopener noreferrer nofollow" });
}
