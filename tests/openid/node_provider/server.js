// oidc-provider on loopback, with its own pages; the suite starts it, tells it what to do under /suite/, and closes its input to end it.
//
//   node server.js DIRECTORY     DIRECTORY holds server.pem (key and certificate); the first line printed is the origin
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const settings = { access_token_s: 3600, names_in_id_token: true };
const requests = [];
let origin;
let provider;
let app;

const job = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  client_secret: 'the-secret-of-the-job',
  id_token_signed_response_alg: 'ES256',
};
const notebook = {
  client_id: 'notebook',
  application_type: 'native', // any port of a loopback redirect URI (RFC 8252 §7.3)
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', DEVICE],
  redirect_uris: ['http://localhost'],
  id_token_signed_response_alg: 'ES256',
};

// Anew with other keys or claims: sessions and tokens live in the package's own store in memory, and go with it.
function begin() {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  provider = new Provider(origin, {
    jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256' }] },
    clients: [
      notebook,
      { ...job, client_id: 'job', token_endpoint_auth_method: 'client_secret_basic' },
    ],
    scopes: ['openid', 'offline_access', 'data.read', 'data.write'],
    claims: { profile: ['name', 'preferred_username'] },
    conformIdTokenClaims: !settings.names_in_id_token, // by default names come from userinfo alone (Core §5.4)
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: `${sub[0].toUpperCase()}${sub.slice(1)} Example`, preferred_username: `${sub}@example.org` }),
    }),
    ttl: { AccessToken: () => settings.access_token_s, ClientCredentials: () => settings.access_token_s, Grant: 86400,
      IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400, DeviceCode: 600 },
    features: { deviceFlow: { enabled: true }, clientCredentials: { enabled: true }, revocation: { enabled: true } },
    cookies: { keys: ['one run long'] },
  });
  app = provider.callback();
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

// A protected API: its rows in two pages with next links, and who asks.
async function api(url, request, response) {
  const [, token] = (request.headers.authorization ?? '').split(/^Bearer /);
  const known = token && ((await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)));
  if (!known) return answer(response, 401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
  if (!known.scopes.has('data.read')) return answer(response, 403, { error: 'insufficient_scope' });
  if (url.pathname === '/api/me') return answer(response, 200, { who: known.accountId ?? known.clientId });
  const page = Number(url.searchParams.get('page') ?? 1);
  const rows = ['Lima', 'Oslo', 'Pune'].map((city, n) => ({ id: 3 * (page - 1) + n, city }));
  return answer(response, 200, rows, page < 2 ? { link: `<${origin}/api/cities?page=2>; rel="next"` } : {});
}

async function told(url, response) {
  const what = url.pathname.slice('/suite/'.length);
  if (what === 'requests') return answer(response, 200, { requests: requests.splice(0) });
  if (what === 'set') {
    const names = settings.names_in_id_token;
    Object.assign(settings, JSON.parse(url.searchParams.get('settings')));
    if (settings.names_in_id_token !== names) begin();
  }
  if (what === 'forget') await (await provider.AccessToken.find(url.searchParams.get('token')))?.destroy();
  if (what === 'rotate') begin();
  return answer(response, 200, {});
}

const pem = readFileSync(`${process.argv[2]}/server.pem`);
const server = createServer({ key: pem, cert: pem }, async (request, response) => {
  const url = new URL(request.url, origin);
  if (url.pathname.startsWith('/suite/')) return told(url, response);
  requests.push(`${request.method} ${url.pathname}`);
  if (url.pathname.startsWith('/api/')) return api(url, request, response);
  return app(request, response);
});
process.stdin.resume().on('end', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  origin = `https://localhost:${server.address().port}`;
  begin();
  console.log(origin);
});
