// An OAuth 2.0 authorization server for tests and the demo: oidc-provider, with JWT access tokens, by the client-credentials
// grant and, for clients that register themselves, by the authorization-code grant, on which everybody agrees to everything.
//
//   node server.mjs PORT ISSUER [RESOURCE]
//
// PORT 0 takes a free one. RESOURCE is what its tokens are for. It prints a line of JSON when it listens, {"port": …}, and ends
// when its standard input does. A line there, whatever it says, rotates its keys: a new key signs from then on, and the one
// before stays in the key set.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const [port, issuer, resource = 'https://api.example.com'] = process.argv.slice(2);
const SCOPE = 'read mcp:tools';

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
    scopes: SCOPE.split(' '),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: SCOPE,
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
}

// Where people would sign in and agree: somebody does at once.
async function agree(request, response) {
  const { params } = await server.interactionDetails(request, response);
  const grant = new server.Grant({ accountId: 'somebody', clientId: params.client_id });
  grant.addOIDCScope(SCOPE);
  grant.addResourceScope(resource, SCOPE);
  const consent = { grantId: await grant.save() };
  await server.interactionFinished(request, response, { login: { accountId: 'somebody' }, consent });
}

let keys = [signingKey()];
let server = provider(keys);
let handle = server.callback();

createInterface({ input: process.stdin })
  .on('line', () => {
    keys = [signingKey(), keys[0]];
    server = provider(keys);
    handle = server.callback();
    console.log(JSON.stringify({ rotated: keys[0].kid }));
  })
  .on('close', () => process.exit());

const listener = createServer((request, response) =>
  request.url.startsWith('/interaction/') ? agree(request, response) : handle(request, response),
);
listener.listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify({ port: listener.address().port })));
