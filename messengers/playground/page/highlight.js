// A little colour for code: comments, strings, numbers and keywords, by how the language writes its comments. No parser:
// what it gets wrong is only a colour.
import { element } from "/dom.js";

const LONGEST = 40_000; // characters; longer code stays plain
const NOT_CODE = /^$|^(?:te?xt|plain|markdown|md|html|xml|svg|diff)$/;
const STRING = String.raw`"(?:\\.|[^"\\\n])*"?`, QUOTED = String.raw`|'(?:\\.|[^'\\\n])*'?`, LETTER = String.raw`|'(?:\\.|[^'\\\n]){1,2}'`;
const TRIPLE = String.raw`"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|`, TEMPLATE = "`(?:\\\\.|[^`\\\\])*`?|";
const SLASHES = String.raw`\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)`, HASH = String.raw`(?<!\S)#[^\n]*`, DASHES = String.raw`--[^\n]*`;
const NUMBER = String.raw`\b(?:0[xX][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b`;

const WORDS = `and as async await bool break case catch char class const continue def default defer del do done double elif else end
  enum except export extends false False fi final finally float fn for from func function go if impl implements import in include int
  interface is lambda let local long match mod module mut namespace new nil None not null of or override package pass private protected
  pub public raise return self static string struct super switch template then this throw trait true True try type typeof undefined
  unsigned use using val var void when where while with yield`;
const SQL = `and as asc by case create delete desc distinct drop else end from group having in inner insert into is join key left like
  limit not null on or order outer primary select set table then union update values when where with`;

const FAMILIES = [
  [/^(?:py|rb|ruby|perl|r$|julia|elixir|(?:ba|z)?sh|console|docker|make|ya?ml|toml|ini)/, HASH, TRIPLE + STRING + QUOTED, WORDS],
  [/sql|^lua|^haskell/, DASHES, STRING + QUOTED, SQL],
  [/^(?:c|h|cc|[ch]pp|c\+\+|cs|csharp|java|k(?:otlin|t)|rs|rust|swift|zig)$/, SLASHES, STRING + LETTER, WORDS],
  [/^/, SLASHES, TEMPLATE + STRING + QUOTED, WORDS],
].map(([names, comment, string, words]) => {
  const keyword = String.raw`(?<![\w$.-])(?:${words.replace(/\s+/g, "|")})(?![\w$-])`;
  const pattern = `(?<comment>${comment})|(?<string>${string})|(?<number>${NUMBER})|(?<keyword>${keyword})`;
  return [names, new RegExp(pattern, words === SQL ? "gi" : "g")];
});

/** The nodes that show this code. */
export function highlight(code, language) {
  if (NOT_CODE.test(language) || code.length > LONGEST) return [code];
  const [, pattern] = FAMILIES.find(([names]) => names.test(language.toLowerCase()));
  const nodes = [];
  let from = 0;
  for (const match of code.matchAll(pattern)) {
    const [kind] = Object.entries(match.groups).find(([, words]) => words !== undefined);
    nodes.push(code.slice(from, match.index), element("span", [match[0]], { class: kind }));
    from = match.index + match[0].length;
  }
  return [...nodes, code.slice(from)].filter(node => node !== "");
}
