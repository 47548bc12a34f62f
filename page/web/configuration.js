// The third tab: a configuration for a consumer with a credential.

import { ask } from "./core.js";
import { byId, element, fill, say } from "./dom.js";
import { Editor, listFindings, marksOf } from "./editor.js";

const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];
const SECRETS = ["HS256", "HS384", "HS512"];
const LABELS = { public_key: "Public key: PEM or JWK", secret: "Secret", jwks: "Key set (JWKS)", remote_jwks: "Address of the key set", discovery: "Address of the issuer's metadata" };

export class ConfigurationTab {
  #form = byId("form");
  #verifies = new Editor("verifies");
  #text = new Editor("configuration-text");

  /** `explain` is handed a configuration. */
  constructor({ explain }) {
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => this.update());
    byId("host").addEventListener("input", () => this.update());
    // What was changed by hand is checked as it stands.
    this.#text.onInput(() => this.#show(ask({ ask: "check", configuration: this.#text.text })));
    byId("explain-with").addEventListener("click", () => explain({ verifier: this.#text.text }));
  }

  /** Takes over what another tab has made. */
  take({ key, algorithm, verifier, verifies }) {
    this.#form.elements.key.value = key;
    this.#form.elements.verifier.value = verifier;
    this.#offer(verifier);
    this.#form.elements.algorithm.value = algorithm;
    this.#verifies.text = verifies;
    this.update();
  }

  #offer(verifier) {
    const isSet = ["jwks", "remote_jwks", "discovery"].includes(verifier);
    const names = verifier === "secret" ? SECRETS : isSet ? ["", ...ALGORITHMS] : ALGORITHMS;
    const select = byId("form-algorithm");
    if (select.dataset.names === names.join()) return;
    select.dataset.names = names.join();
    fill(select, names.map((name) => Object.assign(element("option", "", name || "what each key says"), { value: name })));
  }

  update() {
    const { elements } = this.#form;
    const verifier = elements.verifier.value;
    this.#offer(verifier);
    say(byId("verifies-label"), LABELS[verifier]);
    byId("cluster-row").hidden = !["remote_jwks", "discovery"].includes(verifier);
    byId("form-base64-row").hidden = verifier !== "secret";
    this.#verifies.show([], verifier === "secret");
    const text = (name) => elements[name].value;
    const answer = ask({
      ask: "configuration",
      host: byId("host").value,
      username: text("username"),
      groups: text("groups"),
      key: text("key"),
      algorithm: text("algorithm"),
      verifier,
      verifies: text("verifies"),
      cluster: text("cluster"),
      secret_is_base64: verifier === "secret" && elements.secret_is_base64.checked,
      exp: elements.exp.checked,
      nbf: elements.nbf.checked,
      in_query: elements.in_query.checked,
      audiences: text("audiences"),
    });
    this.#text.text = answer.configuration ?? "";
    this.#show(answer.check);
  }

  #show(check) {
    this.#text.show(marksOf(check));
    listFindings(byId("configuration-findings"), check, this.#text);
    const { faults = [], warnings = [] } = check ?? {};
    const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
    say(byId("checked"), `Checked as jwt-auth check does: ${counted(faults.length, "fault")}, ${counted(warnings.length, "warning")}.`);
  }
}
