// The second tab: a key and a token that it signs.

import { ask } from "./core.js";
import { byId, say } from "./dom.js";
import { Editor } from "./editor.js";

export class TokenTab {
  #key = new Editor("token-key");
  #claims = new Editor("token-claims");
  #token = new Editor("token-text");
  #verifier = new Editor("token-verifier");

  /** `explain` is handed a token and what verifies it, `configure` what verifies it. */
  constructor({ explain, configure }) {
    for (const editor of [this.#key, this.#claims]) editor.onInput(() => this.update());
    byId("token-algorithm").addEventListener("input", () => this.#generate());
    byId("generate").addEventListener("click", () => this.#generate());
    byId("set-times").addEventListener("click", () => this.#setTimes());
    byId("explain-token").addEventListener("click", () => explain({ request: this.#token.text, verifier: this.#verifier.text }));
    byId("configure-token").addEventListener("click", () => configure(this.#forConfiguration()));
  }

  /** Makes what stands there when the tab is opened for the first time. */
  open() {
    if (this.#claims.text !== "") return;
    this.#claims.text = JSON.stringify({ iss: "https://auth.example.com", sub: "alice" }, null, 2);
    this.#setTimes();
    this.#generate();
  }

  get #algorithm() {
    return byId("token-algorithm").value;
  }

  #generate() {
    const key = ask({ ask: "key", algorithm: this.#algorithm });
    this.#key.text = key.private ?? "";
    this.update();
  }

  #setTimes() {
    const now = Math.floor(Date.now() / 1000);
    try {
      const claims = JSON.parse(this.#claims.text);
      this.#claims.text = JSON.stringify({ ...claims, iat: now, exp: now + 3600 }, null, 2);
    } catch {
      // What is no JSON stays as it is; the problem is shown already.
    }
    this.update();
  }

  update() {
    const answer = ask({ ask: "token", algorithm: this.#algorithm, key: this.#key.text, claims: this.#claims.text });
    for (const field of ["key", "claims"]) say(byId(`${field}-problem`), answer.problem?.in === field ? answer.problem.text : "");
    this.#token.text = answer.token ?? "";
    this.#verifier.text = answer.verifier ?? "";
    this.#verifier.show([], this.#algorithm === "HS256");
    this.#key.show([], this.#algorithm === "HS256");
    for (const id of ["explain-token", "configure-token"]) byId(id).disabled = !answer.token;
  }

  #forConfiguration() {
    const { iss } = JSON.parse(this.#claims.text);
    const isSecret = this.#algorithm === "HS256";
    return { key: typeof iss === "string" ? iss : "", algorithm: this.#algorithm, verifier: isSecret ? "secret" : "public_key", verifies: this.#verifier.text };
  }
}
