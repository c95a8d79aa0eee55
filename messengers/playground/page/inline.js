// Inside a line of Markdown: emphasis (the delimiter stack of CommonMark, section 6.2), code, links and formulas. Every
// node is built, nothing is ever parsed as HTML; a link leads only to http, https and mailto.
import { element } from "/dom.js";
import { formula } from "/formula.js";

const LONGEST_LABEL = 1000;
const LONGEST_FORMULA = 2000;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/** The nodes that show this text. `linked`: it is in a link already. */
export function inline(text, linked = false, depth = 0) {
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
    if (character === "\\" || character === "$") {
      special = math(text, at);
      if (special) { push(...special); continue; }
    }
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
      if (/^ .* $/.test(code) && code.trim()) code = code.slice(1, -1);
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

// formulas: $…$ as pandoc reads it (so that prices stay prices), $$…$$, \(…\) and \[…\]:

const MATH = [["\\(", "\\)"], ["\\[", "\\]"], ["$$", "$$"], ["$", "$"]];

function math(text, at) {
  const [opening, closing] = MATH.find(([mark]) => text.startsWith(mark, at)) ?? [];
  if (!opening) return null;
  const from = at + opening.length;
  const near = text.slice(from, from + LONGEST_FORMULA);
  let length = near.indexOf(closing);
  while (closing === "$" && near[length - 1] === "\\") length = near.indexOf(closing, length + 1);
  const source = near.slice(0, length);
  if (length < 0 || !source.trim()) return null;
  if (opening === "$" && (/^\s|\s$|`/.test(source) || /\d/.test(near[length + 1] ?? ""))) return null;
  if (opening === "\\[" && !/[\\^_=+<>|]|^\s*\w\s*$/.test(source)) return null; // a bracket that was only escaped
  return [formula(source, opening === "$$" || opening === "\\["), from + length + closing.length - at];
}

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
