// TeX formulas as MathML, which every current browser draws. What isn't understood is shown as its source: a formula
// that is guessed wrongly is worse than one that must be read.
import { element } from "/dom.js";

const NS = "http://www.w3.org/1998/Math/MathML";
const DEEPEST = 60; // of what stands in each other
const LONGEST = 5000; // characters

const pairs = list => new Map(list.trim().split(/\s+/).map(pair => pair.split("=")));
const words = list => new Set(list.trim().split(/\s+/));

const GREEK = `alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau upsilon
  varphi chi psi omega`.trim().split(/\s+/);
const LETTERS = pairs(`epsilon=ϵ phi=ϕ Phi=Φ vartheta=ϑ infty=∞ partial=∂ nabla=∇ hbar=ℏ ell=ℓ Re=ℜ Im=ℑ aleph=ℵ
  emptyset=∅ varnothing=∅ top=⊤ bot=⊥ angle=∠ prime=′ ldots=… dots=… dotsc=… cdots=⋯ vdots=⋮ ddots=⋱
  triangle=△ star=⋆ #=# %=% &=& $=$ _=_`);
GREEK.forEach((name, index) => { // in Unicode's order, capitals 32 before
  LETTERS.set(name, String.fromCodePoint(0x3b1 + index));
  if (!name.startsWith("var")) LETTERS.set(name[0].toUpperCase() + name.slice(1), String.fromCodePoint(0x391 + index));
});
const OPERATORS = pairs(`times=× cdot=⋅ div=÷ pm=± mp=∓ ast=∗ circ=∘ oplus=⊕ otimes=⊗ wedge=∧ land=∧ vee=∨ lor=∨ neg=¬
  lnot=¬ cap=∩ cup=∪ setminus=∖ in=∈ notin=∉ ni=∋ subset=⊂ supset=⊃ subseteq=⊆ supseteq=⊇ leq=≤ le=≤ geq=≥ ge=≥ neq=≠
  ne=≠ ll=≪ gg=≫ equiv=≡ approx=≈ sim=∼ simeq=≃ cong=≅ propto=∝ perp=⟂ parallel=∥ mid=∣ nmid=∤ to=→ rightarrow=→ leftarrow=←
  gets=← leftrightarrow=↔ Rightarrow=⇒ implies=⟹ Leftarrow=⇐ Leftrightarrow=⇔ iff=⟺ mapsto=↦ longrightarrow=⟶ uparrow=↑
  downarrow=↓ rightleftharpoons=⇌ forall=∀ exists=∃ nexists=∄ therefore=∴ because=∵ vdash=⊢ models=⊨ langle=⟨
  rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ {={ }=} |=‖ Vert=‖ lVert=‖ rVert=‖ vert=| lvert=| rvert=| backslash=\\ colon=:`);
const BIG = pairs("sum=∑ prod=∏ bigcup=⋃ bigcap=⋂ int=∫ iint=∬ iiint=∭ oint=∮");
const LIMITS = words("max min sup inf lim limsup liminf argmax argmin det gcd Pr");
const NAMES = words("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp dim ker deg arg hom");
const ACCENTS = pairs(`hat=^ bar=¯ overline=‾ tilde=~ vec=→ overrightarrow=→ dot=˙ ddot=¨ overbrace=⏞`);
const BELOW = pairs("underline=_ underbrace=⏟");
const SPACES = pairs(`,=.17em :=.22em ;=.28em !=0em quad=1em qquad=2em >=.22em thinspace=.17em enspace=.5em`);
const IGNORED = /^(?:(?:display|text|script)style|(?:no)?limits|[bB]igg?[lrm]?|nonumber|notag|hline)$/;
const FONTS = { mathbb: [0x1d538, 0x1d552, 0x1d7d8], mathbf: [0x1d400, 0x1d41a, 0x1d7ce], boldsymbol: [0x1d468, 0x1d482, 0x1d7ce],
  mathcal: [0x1d49c, 0x1d4b6] };
// Letters that Unicode had before the mathematical alphabets came.
const OLDER = { mathbb: "CℂHℍNℕPℙQℚRℝZℤ", mathcal: "BℬEℰFℱHℋIℐLℒMℳRℛ" };
const FENCES = pairs(`matrix= pmatrix=() bmatrix=[] Bmatrix={} vmatrix=|| Vmatrix=‖‖ cases={ aligned= align= align*= split= gathered=
  gather= array= equation= equation*=`);

const UNKNOWN = new Error();

/** The formula as MathML, or its source where it isn't understood. `display`: on a line of its own. Never throws. */
export function formula(source, display) {
  try {
    if (source.length > LONGEST) throw UNKNOWN;
    const math = mathml("math", [new Reader(source, display).all()], display ? { display: "block" } : {});
    math.setAttribute("alttext", source);
    return math;
  } catch (error) {
    if (error !== UNKNOWN) reportError(error); // a mistake of ours costs one formula
    return element("code", [source], { class: "formula-source" });
  }
}

function mathml(name, children, attributes = {}) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const row = nodes => (nodes.length === 1 ? nodes[0] : mathml("mrow", nodes));
const operator = (sign, attributes) => mathml("mo", [sign], attributes);
const space = (width = ".17em") => mathml("mspace", [], { width });
const plain = (name, attributes = { mathvariant: "normal" }) => mathml("mi", [name], attributes);

class Reader {
  constructor(source, display) {
    this.tokens = source.match(/\\(?:[a-zA-Z]+\*?|[^])|\d+(?:[.,]\d+)*|\s+|[^]/gu) ?? [];
    this.display = display;
    this.at = 0;
    this.depth = 0;
  }

  all() {
    const nodes = this.many(() => false);
    if (this.at < this.tokens.length) throw UNKNOWN;
    return row(nodes);
  }

  peek() {
    while (/^\s/.test(this.tokens[this.at] ?? "")) this.at++;
    return this.tokens[this.at];
  }

  take(token) {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }

  many(ends) {
    const nodes = [];
    for (let token = this.peek(); token !== undefined && token !== "}" && !ends(token); token = this.peek()) {
      const isName = NAMES.has(token.slice(1)) || LIMITS.has(token.slice(1));
      if (isName && nodes.length && nodes.at(-1).localName !== "mspace") nodes.push(space());
      nodes.push(...this.scripted());
      if (isName && /^[^({[\])|,}]|^\\[a-z]/i.test(this.peek() ?? "")) nodes.push(space());
    }
    return nodes;
  }

  scripted() {
    const first = this.peek();
    const base = /^['^_]$/.test(first) ? mathml("mrow", []) : this.atom();
    if (!base) return [];
    let sub, sup, primes = "";
    for (;;) {
      if (this.take("'")) primes += "′";
      else if (this.take("^")) sup = this.argument();
      else if (this.take("_")) sub = this.argument();
      else if (this.peek() === "\\limits" || this.peek() === "\\nolimits") this.at++;
      else break;
    }
    if (primes) sup = sup ? row([operator(primes), sup]) : operator(primes);
    return [this.withScripts(base, sub, sup, first.slice(1))];
  }

  withScripts(base, sub, sup, name) {
    if (!sub && !sup) return base;
    const isBig = BIG.has(name) && !name.endsWith("int");
    const around = this.display && (isBig || LIMITS.has(name)) || name.endsWith("brace") || name === "operatorname*";
    const kind = around ? ["munder", "mover", "munderover"] : ["msub", "msup", "msubsup"];
    if (sub && sup) return mathml(kind[2], [base, sub, sup]);
    return sub ? mathml(kind[0], [base, sub]) : mathml(kind[1], [base, sup]);
  }

  atom() {
    if (++this.depth > DEEPEST) throw UNKNOWN;
    const made = this.read();
    this.depth--;
    return made;
  }

  read() {
    const token = this.peek();
    this.at++;
    if (token === "{") return this.group();
    if (token[0] === "\\" && token.length > 1) return this.command(token.slice(1));
    if (/\d/.test(token)) return mathml("mn", [token]);
    if (/\p{L}/u.test(token)) return mathml("mi", [token]);
    if (token === "~") return space(".3em");
    if (token === "&" || token === "\\" || token === "#" || token === "$") throw UNKNOWN;
    return operator(token === "-" ? "−" : token === "*" ? "∗" : token, /[()[\]|/]/.test(token) ? { stretchy: "false" } : {});
  }

  group() {
    const nodes = this.many(() => false);
    this.take("}"); // missing where the formula is still being written
    return mathml("mrow", nodes);
  }

  argument() {
    const token = this.peek();
    if (token === undefined || token === "}") return mathml("mrow", []);
    if (/^\d./.test(token)) { // TeX takes one digit
      this.tokens.splice(this.at, 1, token[0], token.slice(1));
    }
    return this.atom() ?? mathml("mrow", []);
  }

  raw() { // {words}, as they are
    let words = "", open = 0;
    if (!this.take("{")) return this.tokens[this.at++] ?? "";
    for (; this.at < this.tokens.length; this.at++) {
      const token = this.tokens[this.at];
      if (token === "{") open++;
      if (token === "}" && open-- === 0) break;
      words += token;
    }
    this.at++;
    return words;
  }

  command(name) {
    if (LETTERS.has(name)) return plain(LETTERS.get(name), /^[a-z]/.test(name) ? {} : undefined);
    if (OPERATORS.has(name)) return operator(OPERATORS.get(name), { stretchy: "false" });
    if (BIG.has(name)) return operator(BIG.get(name), this.display ? { largeop: "true" } : {});
    if (NAMES.has(name) || LIMITS.has(name)) return plain(name.replace(/^(lim|arg)(?=sup|inf|max|min)/, "$1 "));
    if (SPACES.has(name) || name === " ") return space(SPACES.get(name));
    if (ACCENTS.has(name)) return mathml("mover", [this.argument(), operator(ACCENTS.get(name))], { accent: "true" });
    if (BELOW.has(name)) return mathml("munder", [this.argument(), operator(BELOW.get(name))], { accentunder: "true" });
    if (IGNORED.test(name)) return null;
    if (Object.hasOwn(FONTS, name)) return mathml("mi", [inFont(name, this.raw())], { mathvariant: "normal" });
    return this.structure(name);
  }

  structure(name) {
    if (/^[dtc]?frac$/.test(name)) return mathml("mfrac", [this.argument(), this.argument()]);
    if (/^(?:text(?:bf|it|rm)?|mbox|math(?:rm|it)|operatorname\*?)$/.test(name)) return this.words(name);
    switch (name) {
      case "binom": return row([operator("("), mathml("mfrac", [this.argument(), this.argument()], { linethickness: "0" }), operator(")")]);
      case "sqrt": return this.root();
      case "left": return this.fenced();
      case "begin": return this.environment(this.raw());
      case "overset": case "stackrel": return this.stacked("mover");
      case "underset": return this.stacked("munder");
      case "not": return operator(`${this.argument().textContent}\u0338`);
      case "bmod": case "mod": return operator("mod", { lspace: ".3em", rspace: ".3em" });
      case "pmod": return row([operator("("), operator("mod", { rspace: ".3em" }), this.argument(), operator(")")]);
      case "label": case "tag": case "color": this.raw(); return null;
      default: throw UNKNOWN;
    }
  }

  root() {
    if (!this.take("[")) return mathml("msqrt", [this.argument()]);
    const degree = row(this.many(token => token === "]"));
    this.take("]");
    return mathml("mroot", [this.argument(), degree]);
  }

  words(name) {
    const said = this.raw().replace(/\\([ _%&#$])/g, "$1");
    if (/[\\$]/.test(said)) throw UNKNOWN;
    return name.startsWith("text") || name === "mbox" ? mathml("mtext", [said.replace(/^\s|\s$/g, "\u00a0")]) : plain(said);
  }

  stacked(kind) {
    const mark = this.argument();
    return mathml(kind, [this.argument(), mark]);
  }

  delimiter() {
    const token = this.peek() ?? ".";
    this.at++;
    const sign = token.length > 1 ? OPERATORS.get(token.slice(1)) : token;
    if (sign === undefined) throw UNKNOWN;
    return sign === "." ? [] : [operator(sign === "<" ? "⟨" : sign === ">" ? "⟩" : sign, { stretchy: "true", fence: "true" })];
  }

  fenced() {
    const nodes = this.delimiter();
    for (;;) {
      nodes.push(...this.many(token => token === "\\right" || token === "\\middle"));
      if (!this.take("\\middle")) break;
      nodes.push(...this.delimiter());
    }
    if (this.take("\\right")) nodes.push(...this.delimiter());
    return mathml("mrow", nodes);
  }

  environment(name) {
    const fences = FENCES.get(name);
    if (fences === undefined) throw UNKNOWN;
    if (name === "array") this.raw(); // {lcr}
    const table = mathml("mtable", this.rows(token => token === "\\end"), { class: name.replace("*", "") });
    if (this.take("\\end")) this.raw();
    if (!fences) return table;
    const stretch = { stretchy: "true", fence: "true" };
    return row([operator(fences[0], stretch), table, ...(fences[1] ? [operator(fences[1], stretch)] : [])]);
  }

  rows(ends) {
    const made = [];
    do {
      const cells = [];
      do cells.push(mathml("mtd", this.many(token => token === "&" || token === "\\\\" || ends(token)))); while (this.take("&"));
      if (cells.length > 1 || cells[0].hasChildNodes()) made.push(mathml("mtr", cells));
    } while (this.take("\\\\"));
    return made;
  }
}

function inFont(font, text) {
  const [capital, small, digit] = FONTS[font];
  if (!/^[A-Za-z\d\s]*$/.test(text)) {
    if (/^\\[a-zA-Z]+$/.test(text) && LETTERS.has(text.slice(1))) return LETTERS.get(text.slice(1));
    throw UNKNOWN;
  }
  const older = OLDER[font] ?? "";
  return text.replace(/[A-Za-z\d]/g, letter => {
    if (older.includes(letter)) return older[older.indexOf(letter) + 1];
    const [start, first] = letter >= "a" ? [small, "a"] : letter >= "A" ? [capital, "A"] : [digit, "0"];
    return start ? String.fromCodePoint(start + letter.charCodeAt(0) - first.charCodeAt(0)) : letter;
  });
}
