// A client of the Model Context Protocol, made with the official SDK, that knows nothing but the address of a server. It finds
// out who issues tokens, registers, has somebody agree, and calls the tool `whoami`.
//
//   node mcp-client.mjs URL [dpop]
//
// With `dpop` its tokens are bound to a key (RFC 9449), which the SDK does not do by itself. It prints a line of JSON:
// {"requests": ["METHOD URL STATUS", …], "answer": …}, the answer being the tool's.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as dpop from 'dpop';

const [address, mode] = process.argv.slice(2);
const REDIRECT = 'http://127.0.0.1/callback';

const keys = mode === 'dpop' ? await dpop.generateKeyPair('ES256') : null;
const requests = [];

// fetch, with a proof of the key in each request that sends a token or asks for one, and a note of what was sent.
async function noted(input, init = {}) {
  const url = new URL(input);
  const method = init.method ?? 'GET';
  const headers = new Headers(init.headers);
  const token = headers.get('authorization')?.match(/^Bearer (.*)$/)?.[1];
  if (keys && (token || url.pathname === '/token')) {
    const htu = `${url.origin}${url.pathname}`;
    headers.set('dpop', await dpop.generateProof(keys, htu, method, undefined, token));
    if (token) headers.set('authorization', `DPoP ${token}`);
  }
  const response = await fetch(url, { ...init, headers });
  requests.push(`${method} ${url.origin}${url.pathname} ${response.status}`);
  return response;
}

// Follows an authorization request as a browser does, until the code comes back.
async function code(url) {
  const cookies = new Map();
  let next = url;
  for (let hop = 0; hop < 10; hop += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(next, { redirect: 'manual', headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    next = new URL(response.headers.get('location') ?? `about:${response.status}`, next);
    if (next.href.startsWith(REDIRECT)) return next.searchParams.get('code');
    if (next.protocol === 'about:') break;
  }
  throw new Error(`no code: ${next}`);
}

const kept = {};
const provider = {
  redirectUrl: REDIRECT,
  clientMetadata: {
    client_name: 'test',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...(keys && { dpop_bound_access_tokens: true }),
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: async (url) => void (kept.code = await code(url)),
};

const transport = () => new StreamableHTTPClientTransport(new URL(address), { authProvider: provider, fetch: noted });
const client = new Client({ name: 'test', version: '1.0.0' });
const first = transport();
try {
  await client.connect(first);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  await first.finishAuth(kept.code);
  await client.connect(transport());
}
const { content } = await client.callTool({ name: 'whoami' });
console.log(JSON.stringify({ requests, answer: JSON.parse(content[0].text) }));
process.exit();
