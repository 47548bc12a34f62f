// Showing an explanation. Nothing is decided here.

import { byId, element, fill, json, say } from "./dom.js";

const STATUS = { 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable" };

/** Shows the verdict on top: its kind, a title and a sentence. */
export function showVerdict(kind, title, text) {
  const verdict = byId("verdict");
  if (verdict.className !== `verdict ${kind}`) verdict.className = `verdict ${kind}`;
  say(byId("verdict-title"), title);
  say(byId("verdict-text"), text);
}

/** Shows the verdict of an explanation. */
export function tellVerdict({ given, explanation: { checks, verdict } }) {
  if (verdict === null) {
    return showVerdict("open", "Not verified", "The token is only decoded. Paste a key or a configuration to verify it.");
  }
  if (!verdict.passes) {
    const failed = checks.filter((check) => !check.passed);
    const why = failed.map(({ check, detail }) => `${check}: ${detail}`).join("; ");
    return showVerdict("fail", `Refused with ${verdict.status}`, why);
  }
  if (!verdict.upstream) {
    return showVerdict("pass", `Answered with ${verdict.status}`, "The filter answers by itself, and asks for no token.");
  }
  if (given === "key") {
    return showVerdict("pass", "Verified", "The signature was made with this key, and the times allow the token.");
  }
  showVerdict("pass", "The request passes", `It goes upstream ${verdict.as}.`);
}

/** Shows the checks. `lead`, if there is a file to lead into, is told the line. */
export function listChecks(list, checks, lead) {
  fill(list, checks.map(({ check, passed, detail, line }) => {
    const sign = element("span", "sign", passed ? "✓" : "✗");
    sign.setAttribute("aria-hidden", "true");
    const hidden = element("span", "visually-hidden", passed ? "passed: " : "failed: ");
    const item = element("li", passed ? "passed" : "failed", sign, element("span", "name", hidden, check), element("span", "detail", detail));
    if (line !== null && lead) {
      const button = element("button", "quiet", `line ${line}`);
      button.type = "button";
      button.addEventListener("click", () => lead(line));
      item.append(button);
    }
    return item;
  }));
}

/** Shows the members of a token's header or claims, each with its date if it is one. */
export function listMembers(body, members, dates = {}) {
  fill(body, Object.entries(members).map(([name, value]) => {
    const cell = element("td", "", json(value));
    if (dates[name]) cell.append(element("span", "date", dates[name]));
    const title = element("th", "", json(name).slice(1, -1));
    title.scope = "row";
    return element("tr", "", title, cell);
  }));
}

/** Shows what the client or the upstream gets. */
export function showOutcome(verdict) {
  byId("outcome").hidden = verdict === null;
  if (verdict === null) return;
  say(byId("outcome-title"), verdict.upstream ? "What the upstream gets" : "What the client gets");
  fill(byId("wire"), verdict.upstream ? changes(verdict.upstream) : answer(verdict));
}

function answer({ status, headers, body }) {
  const head = [`HTTP/1.1 ${status} ${STATUS[status] ?? ""}`.trim(), ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  return [`${head.join("\n")}\n\n${typeof body === "string" ? body : json(body)}`];
}

function changes({ set, removed, shortened, hides_token_in_query: hidesToken }) {
  const line = (kind, text) => element("span", kind, `${text}\n`);
  const lines = [
    ...Object.entries(set).map(([name, value]) => line("added", `+ ${name}: ${value}`)),
    ...removed.map((name) => line("taken", `− ${name}`)),
    ...shortened.map((name) => line("taken", `− the token in ${name}`)),
    ...(hidesToken ? [line("taken", "− the token in the query")] : []),
  ];
  return ["The request, with these changes:\n", ...lines];
}
