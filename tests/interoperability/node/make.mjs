// Prints tokens that a library for Node has signed, for each algorithm that it and the filter know:
// make.mjs jose|jsonwebtoken|fast-jwt. The keys are made anew each time, by the library where it makes keys.

import { readFileSync } from "node:fs";
import { generateKeyPairSync, randomBytes } from "node:crypto";

const EXP = 4102444800; // 2100-01-01
const HMACS = ["HS256", "HS384", "HS512"];
const RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const CURVES = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

const library = process.argv[2];
const claims = (name) => ({ iss: `${library}/${name}`, sub: "interoperability", exp: EXP });
const pem = (key) => key.export({ type: key.type === "public" ? "spki" : "pkcs8", format: "pem" });
const octets = (secret) => ({ kty: "oct", k: secret.toString("base64url") });

/** Keys of Node, as PEM, for libraries that make none. */
function keys() {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const made = Object.fromEntries(RSA.map((alg) => [alg, rsa]));
  for (const [alg, namedCurve] of Object.entries(CURVES)) made[alg] = generateKeyPairSync("ec", { namedCurve });
  for (const curve of ["Ed25519", "Ed448"]) made[`EdDSA on ${curve}`] = generateKeyPairSync(curve.toLowerCase());
  return made;
}

async function jose() {
  const { SignJWT, generateKeyPair, generateSecret, exportJWK } = await import("jose");
  const one = async (name, alg, privateKey, publicKey) => {
    const token = await new SignJWT(claims(name)).setProtectedHeader({ alg }).sign(privateKey);
    return { name, key: await exportJWK(publicKey), token };
  };
  const tokens = [];
  for (const alg of HMACS) {
    const secret = await generateSecret(alg, { extractable: true });
    tokens.push(await one(alg, alg, secret, secret));
  }
  // ML-DSA where Node has it (24.7 or newer).
  const made = { "EdDSA on Ed25519": "EdDSA", Ed25519: "Ed25519", "ML-DSA-44": 0, "ML-DSA-65": 0, "ML-DSA-87": 0 };
  for (const name of [...RSA, ...Object.keys(CURVES), ...Object.keys(made)]) {
    const alg = made[name] || name;
    const pair = await generateKeyPair(alg, { extractable: true }).catch((error) => {
      if (!alg.startsWith("ML-DSA")) throw error;
    });
    if (pair) tokens.push(await one(name, alg, pair.privateKey, pair.publicKey));
  }
  return tokens;
}

async function jsonwebtoken() {
  const { default: jwt } = await import("jsonwebtoken");
  const sign = (name, secret) => jwt.sign(claims(name), secret, { algorithm: name, noTimestamp: true });
  const secrets = HMACS.map((name) => [name, randomBytes(64)]);
  const tokens = secrets.map(([name, secret]) => ({ name, key: octets(secret), token: sign(name, secret) }));
  for (const [name, pair] of Object.entries(keys()).filter(([name]) => !name.startsWith("EdDSA"))) {
    tokens.push({ name, key: pem(pair.publicKey), token: sign(name, pem(pair.privateKey)) });
  }
  return tokens;
}

async function fastJwt() {
  const { createSigner } = await import("fast-jwt");
  const sign = (name, key) => createSigner({ algorithm: name.split(" ")[0], key, noTimestamp: true })(claims(name));
  const secrets = HMACS.map((name) => [name, randomBytes(64)]);
  const tokens = secrets.map(([name, secret]) => ({ name, key: octets(secret), token: sign(name, secret) }));
  for (const [name, pair] of Object.entries(keys())) {
    tokens.push({ name, key: pem(pair.publicKey), token: sign(name, pem(pair.privateKey)) });
  }
  return tokens;
}

const makers = { jose, jsonwebtoken, "fast-jwt": fastJwt };
const tokens = await makers[library]();
const { version } = JSON.parse(readFileSync(new URL(`node_modules/${library}/package.json`, import.meta.url)));
console.log(JSON.stringify({ library, language: "JavaScript", version, tokens }, null, 1));
