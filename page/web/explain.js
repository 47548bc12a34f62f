// The first tab: what becomes of a request.

import { ask } from "./core.js";
import { byId, element, fill, json, say } from "./dom.js";
import { Editor, inWordsOf, listFindings, marksOf } from "./editor.js";
import { listChecks, listMembers, showOutcome, showVerdict, tellVerdict } from "./result.js";
import { Timeline, inWords } from "./timeline.js";

// The fields that the core may find at fault, and what they are called in the page.
const FIELDS = { request: "request", configuration: "verifier", key_set: "key-set", client_certificate: "certificate", moment: "moment" };
const TITLES = {
  request: "The request cannot be read",
  configuration: "The configuration cannot be used",
  key_set: "The key set cannot be read",
  client_certificate: "The certificate cannot be read",
  moment: "The moment cannot be read",
};
const KIND_OF_NOTHING = { nothing: "", configuration: "a configuration" };

export class ExplainTab {
  #request = new Editor("request");
  #verifier = new Editor("verifier");
  #keySet = new Editor("key-set");
  #timeline = new Timeline((moment) => this.#decideFor(String(moment)));
  #answer = null;

  constructor() {
    for (const editor of [this.#request, this.#verifier, this.#keySet]) editor.onInput(() => this.update());
    for (const id of ["base64", "filter", "route", "service", "certificate"]) byId(id).addEventListener("input", () => this.update());
    byId("moment").addEventListener("input", () => this.#decideFor(byId("moment").value));
    byId("to-now").addEventListener("click", () => this.#decideFor(""));
    byId("take-made").addEventListener("click", () => this.take({ verifier: this.#answer.made }));
    byId("example").addEventListener("click", () => this.#example());
    // While no other moment is chosen, the decision goes with the clock.
    setInterval(() => byId("moment").value === "" && document.visibilityState === "visible" && this.#tick(), 1000);
  }

  /** Takes over what another tab has made. */
  take({ request, verifier }) {
    if (request !== undefined) this.#request.text = request;
    if (verifier !== undefined) this.#verifier.text = verifier;
    this.#decideFor("");
  }

  #decideFor(moment) {
    if (byId("moment").value !== moment) byId("moment").value = moment;
    byId("to-now").disabled = moment === "";
    this.update();
  }

  #tick() {
    if (this.#answer?.explanation) this.update();
  }

  /** Asks the core, and shows what it answers. */
  update() {
    const started = performance.now();
    const now = Math.floor(Date.now() / 1000);
    const answer = ask({
      ask: "explain",
      request: this.#request.text,
      configuration: this.#verifier.text,
      secret_is_base64: byId("base64").checked,
      filter: byId("filter").value,
      route: byId("route").value.trim(),
      service: byId("service").value.trim(),
      key_set: this.#keySet.text,
      client_certificate: byId("certificate").value,
      moment: byId("moment").value.trim(),
      now,
    });
    this.#answer = answer;
    this.#showGiven(answer);
    byId("explained").hidden = !answer.explanation;
    if (answer.explanation) this.#showExplanation(answer, now);
    else this.#showEmpty();
    this.#showProblem(answer);
    say(byId("took"), `Answered in ${(performance.now() - started).toFixed(1)} ms.`);
  }

  #showGiven({ given, key, check, filters = [], fetches_key_sets: fetches, has_rules: hasRules }) {
    say(byId("kind"), key ?? KIND_OF_NOTHING[given] ?? "");
    byId("base64-row").hidden = key !== "a secret";
    this.#verifier.show(marksOf(check), key === "a secret");
    listFindings(byId("findings"), check, this.#verifier);
    this.#offer(filters);
    if ((fetches || hasRules || filters.length > 1) && !byId("more").dataset.opened) {
      byId("more").open = true;
      byId("more").dataset.opened = "once";
    }
  }

  /** Offers the filters of the file to choose from. */
  #offer(filters) {
    const select = byId("filter");
    const names = [...new Set(filters)];
    if (names.join("\n") === select.dataset.names) return;
    const chosen = select.value;
    const option = (name) => Object.assign(element("option", "", name || "the first"), { value: name });
    fill(select, ["", ...names].map(option));
    select.dataset.names = names.join("\n");
    select.value = names.includes(chosen) ? chosen : "";
  }

  /** Says below a field, and on top, why there is no verdict. */
  #showProblem({ problem, given, check }) {
    for (const [field, at] of Object.entries(FIELDS)) say(byId(`${at}-problem`), problem?.in === field && !check?.faults.length ? problem.text : "");
    if (!problem) return;
    const fault = check?.faults[0];
    const text = problem.in === "configuration" && fault ? `Line ${fault.line}: ${inWordsOf(fault)}` : problem.text;
    showVerdict("fail", problem.in === "configuration" && given === "key" ? "The key cannot be used" : TITLES[problem.in] ?? "There is no answer", text);
  }

  #showEmpty() {
    showVerdict("empty", "Paste a token to begin", "Its header and claims are shown here, and with a key or a configuration, every check that the filter makes.");
    fill(byId("notes"), []);
  }

  #showExplanation(answer, now) {
    const { explanation, notes, given, made } = answer;
    const { token, checks, verdict, at } = explanation;
    tellVerdict(answer);
    fill(byId("notes"), notes.map((note) => element("li", "", note)));
    byId("times").hidden = byId("decoded").hidden = !token;
    if (token) {
      this.#timeline.show(token, at, now);
      listMembers(byId("header"), token.header);
      listMembers(byId("claims"), token.claims, token.dates);
    }
    say(byId("moment-text"), `${inWords(at)}${byId("moment").value === "" ? ", now" : ""}`);
    listChecks(byId("checks"), checks, given === "configuration" ? (line) => this.#verifier.lead(line) : null);
    showOutcome(verdict);
    byId("made").hidden = !made;
    if (made) say(byId("made-text"), made);
    byId("json").textContent = json(explanation, 2);
  }

  #example() {
    const now = Math.floor(Date.now() / 1000);
    const { private: key, public: verifier } = ask({ ask: "key", algorithm: "ES256" });
    const claims = JSON.stringify({ iss: "https://auth.example.com", sub: "alice", iat: now, nbf: now, exp: now + 3600 });
    const { token } = ask({ ask: "token", algorithm: "ES256", key, claims });
    this.take({ request: `curl 'https://api.example.com/orders' -H 'Authorization: Bearer ${token}'`, verifier });
  }
}
