// A text area over a drawing of the same text, in which faults are underlined and secrets are hidden.

import { byId, element, fill } from "./dom.js";
import { secretsIn } from "./secrets.js";

export class Editor {
  #area;
  #under = element("pre", "under");
  #gutter = null;
  #reveal = element("button", "quiet", "Show secrets");
  #marks = [];
  #line = 0;
  #isSecret = false;

  constructor(id) {
    this.#area = byId(id);
    const frame = this.frame;
    this.#under.setAttribute("aria-hidden", "true");
    if (!frame.classList.contains("wraps")) {
      this.#gutter = element("pre", "gutter");
      this.#gutter.setAttribute("aria-hidden", "true");
      frame.prepend(this.#gutter);
    }
    this.#reveal.type = "button";
    this.#reveal.hidden = true;
    this.#reveal.setAttribute("aria-pressed", "false");
    this.#reveal.setAttribute("aria-controls", id);
    frame.prepend(this.#under);
    frame.previousElementSibling.querySelector(".tools").prepend(this.#reveal);
    this.#reveal.addEventListener("click", () => this.#toggle());
    this.#area.addEventListener("input", () => {
      this.#line = 0;
      this.draw();
    });
    this.draw();
  }

  get frame() {
    return byId(`${this.#area.id}-editor`);
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    if (this.#area.value === text) return;
    this.#area.value = text;
    this.#line = 0;
    this.draw();
  }

  onInput(listener) {
    this.#area.addEventListener("input", listener);
  }

  /** Underlines places, and hides all of the text if all of it is a secret. */
  show(marks, isSecret = false) {
    this.#marks = marks;
    this.#isSecret = isSecret;
    this.draw();
  }

  /** Leads to a line. */
  lead(line) {
    this.#line = line;
    this.draw();
    const start = this.text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.#area.focus({ preventScroll: true });
    this.#area.setSelectionRange(start, start);
    const height = parseFloat(getComputedStyle(this.#area).lineHeight);
    this.frame.scrollTo({ top: (line - 4) * height, left: 0 });
    this.frame.scrollIntoView({ block: "nearest" });
  }

  #toggle() {
    const shown = this.#reveal.getAttribute("aria-pressed") !== "true";
    this.#reveal.setAttribute("aria-pressed", String(shown));
    this.#reveal.textContent = shown ? "Hide secrets" : "Show secrets";
    this.draw();
  }

  /** Draws the text anew. */
  draw() {
    const text = this.text;
    const secrets = secretsIn(text, this.#isSecret);
    this.#reveal.hidden = secrets.length === 0;
    const hidden = this.#reveal.getAttribute("aria-pressed") === "true" ? [] : secrets;
    const spans = [...hidden.map(([start, end]) => ({ start, end, kind: "hidden" })), ...this.#marked(text)];
    fill(this.#under, pieces(text, spans));
    // The last line of the drawing must be there even if it is empty.
    this.#under.append("\n");
    if (this.#gutter) {
      const lines = text.split("\n").length;
      this.#gutter.textContent = text === "" ? "" : Array.from({ length: lines }, (_, at) => at + 1).join("\n");
      this.#gutter.hidden = text === "";
    }
  }

  /** The marks as parts of the text, each up to where its value ends. */
  #marked(text) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    const lineOf = (line) => text.slice(starts[line - 1] ?? text.length, (starts[line] ?? text.length + 1) - 1);
    const marks = this.#marks.map(({ line, column, kind }) => {
      const content = lineOf(line);
      // Columns are counted in characters, of which some are two units here.
      const before = Array.from(content).slice(0, column - 1).join("").length;
      const value = /^(?:"[^"]*"?|'[^']*'?|[^\s,:[\]{}]+:?|\S)/.exec(content.slice(before))?.[0] ?? "";
      const start = (starts[line - 1] ?? text.length) + before;
      return { start, end: start + Math.max(value.length, 1), kind };
    });
    if (this.#line > 0) {
      const start = starts[this.#line - 1] ?? text.length;
      marks.push({ start, end: start + lineOf(this.#line).length, kind: "line-mark" });
    }
    return marks;
  }
}

/** A text cut where a span starts or ends; what is hidden is drawn as dots, a line as it breaks. */
function pieces(text, spans) {
  const cuts = [...new Set([0, text.length, ...spans.flatMap(({ start, end }) => [start, end])])];
  cuts.sort((a, b) => a - b);
  return cuts.slice(1).map((end, at) => {
    const start = cuts[at];
    const kinds = spans.filter((span) => span.start <= start && end <= span.end).map((span) => span.kind);
    const part = text.slice(start, end);
    const shown = kinds.includes("hidden") ? part.replace(/[^\s]/gu, "•") : part;
    return kinds.length === 0 ? shown : element("span", kinds.join(" "), shown);
  });
}

/** The faults and warnings of a check, as marks of an editor. */
export function marksOf(check) {
  const mark = (kind) => ({ line, column }) => ({ line, column, kind });
  return [...(check?.faults ?? []).map(mark("fault")), ...(check?.warnings ?? []).map(mark("warning"))];
}

/** A fault or a warning in words, without its place. */
export function inWordsOf({ path, found, message, expected }) {
  return `${path ? `${path}: ` : ""}${found ?? message}${expected ? `; expected ${expected}` : ""}`;
}

/** The faults and warnings of a check, as a list that leads to their lines. */
export function listFindings(list, check, editor) {
  const entry = (kind) => (finding) => {
    const word = kind === "warning" ? "warning, " : "";
    const button = element("button", "", `${word}line ${finding.line}: ${inWordsOf(finding)}`);
    button.type = "button";
    button.addEventListener("click", () => editor.lead(finding.line));
    return element("li", kind, button);
  };
  fill(list, [...(check?.faults ?? []).map(entry("fault")), ...(check?.warnings ?? []).map(entry("warning"))]);
}
