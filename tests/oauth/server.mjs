// An OAuth 2.0 authorization server for tests and the demo: oidc-provider, with the client-credentials grant and JWT
// access tokens.
//
//   node server.mjs PORT ISSUER
//
// PORT 0 takes a free one. It prints a line of JSON when it listens, {"port": …}, and ends when its standard input does.
// A line there, whatever it says, rotates its keys: a new key signs from then on, and the one before stays in the key set.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const [port, issuer] = process.argv.slice(2);
const RESOURCE = 'https://api.example.com';

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

function provider(keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: 'demo',
        client_secret: 'demo-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'read',
          audience: RESOURCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }).callback();
}

let keys = [signingKey()];
let handle = provider(keys);

createInterface({ input: process.stdin })
  .on('line', () => {
    keys = [signingKey(), keys[0]];
    handle = provider(keys);
    console.log(JSON.stringify({ rotated: keys[0].kid }));
  })
  .on('close', () => process.exit());

const server = createServer((request, response) => handle(request, response));
server.listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
