// Which parts of a text are secret: what is hidden until somebody asks to see it.
//
// This is about eyes, not about attackers, so it goes by the looks of a text, and hides too much rather than too little.

const VALUE = String.raw`(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,}\]#][^\n,}\]]*)`;

const PATTERNS = [
  // The signature of a token: without it, nobody can use the rest.
  /eyJ[\w-]*\.[\w-]*\.([\w-]+)/dg,
  // A private key in PEM.
  /-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)/dg,
  // A secret, and a block of one.
  new RegExp(String.raw`\bsecret["']?[ \t]*:[ \t]*(?![|>][-+\d]*\s*\n)(${VALUE})`, "dg"),
  /\bsecret["']?[ \t]*:[ \t]*[|>][-+\d]*[ \t]*\n([ \t]+[^\n]*)/dg,
  // What is private in a JWK (RFC 7518, section 6; RFC 9964).
  new RegExp(String.raw`["']?\b(?:k|d|p|q|dp|dq|qi|priv)["']?[ \t]*:[ \t]*(${VALUE})`, "dg"),
  // Passwords and cookies of a request.
  /\b[Bb]asic[ \t]+([\w+/=-]+)/dg,
  /(?:-u|--user)[ =]+['"]?[^\s:'"]*:([^\s'"]+)/dg,
  /\b[Cc]ookie:[ \t]*([^\n'"]+)/dg,
];

/** The secret parts of a text, as pairs of where one starts and ends, in order and apart from each other. */
export function secretsIn(text, isSecret = false) {
  if (isSecret) return [[0, text.length]];
  const found = PATTERNS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match.indices[1]));
  found.sort(([a], [b]) => a - b);
  const parts = [];
  for (const [start, end] of found) {
    const last = parts.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else parts.push([start, end]);
  }
  return parts;
}
