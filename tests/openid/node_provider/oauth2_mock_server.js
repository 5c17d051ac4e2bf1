// oauth2-mock-server on loopback: it asks nobody anything, and everybody is johndoe. The suite starts it, tells it what
// to do under /suite/, and closes its input to end it.
//
//   node oauth2_mock_server.js DIRECTORY     DIRECTORY holds server.pem (key and certificate); the first line printed is the origin
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { randomUUID } from 'node:crypto';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const requests = [];
const forgotten = new Set();
const issuer = new OAuth2Issuer();
const service = new OAuth2Service(issuer);
let origin;

// As it is delivered, two tokens of one second are the same one.
service.on('beforeTokenSigning', (token) => { token.payload.jti = randomUUID(); });

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

// A protected API: its rows in two pages with next links, and who asks. It reads what the token says of itself.
function api(url, request, response) {
  const [, token] = (request.headers.authorization ?? '').split(/^Bearer /);
  if (!token || forgotten.has(token)) return answer(response, 401, { error: 'invalid_token' });
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  if (url.pathname === '/api/me') return answer(response, 200, { who: claims.sub ?? 'job', scope: claims.scope });
  const page = Number(url.searchParams.get('page') ?? 1);
  const rows = ['Lima', 'Oslo', 'Pune'].map((city, n) => ({ id: 3 * (page - 1) + n, city }));
  return answer(response, 200, rows, page < 2 ? { link: `<${origin}/api/cities?page=2>; rel="next"` } : {});
}

function told(url, response) {
  const what = url.pathname.slice('/suite/'.length);
  if (what === 'forget') forgotten.add(url.searchParams.get('token'));
  return answer(response, 200, { requests: what === 'requests' ? requests.splice(0) : [] });
}

const pem = readFileSync(`${process.argv[2]}/server.pem`);
const server = createServer({ key: pem, cert: pem }, (request, response) => {
  const url = new URL(request.url, origin);
  if (url.pathname.startsWith('/suite/')) return told(url, response);
  requests.push(`${request.method} ${url.pathname}`);
  if (url.pathname.startsWith('/api/')) return api(url, request, response);
  return service.requestHandler(request, response);
});
process.stdin.resume().on('end', () => process.exit());
server.listen(0, '127.0.0.1', async () => {
  origin = `https://localhost:${server.address().port}`;
  issuer.url = origin;
  await issuer.keys.generate('RS256');
  console.log(origin);
});
