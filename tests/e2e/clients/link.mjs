// Links once with the TypeScript SDK's client: discovery, registration, PKCE, token, tools, search, fetch.
//
// Usage: node link.mjs <mcp-url> <legacy|auto|modern> <query> [<url of the client's metadata document>]
// Speaks JSON lines on stdout: {"authorize": url} when a person has to sign in, then {"linked": {...}} or
// {"failed": {"step", "message"}}. No browser is opened; tokens and codes are never written anywhere.
import { createServer } from 'node:http';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const [mcpUrl, era = 'auto', query = 'gatelodge', documentUrl] = process.argv.slice(2);
const MODES = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
let step = 'start';

/** A loopback listener on a free port; `arrival` resolves with the parameters of the first callback. */
async function listen() {
  let arrived;
  const arrival = new Promise((resolve) => { arrived = resolve; });
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    if (url.pathname !== '/callback') return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/plain' }).end('Done. You may close this page.\n');
    return arrived(url.searchParams);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, arrival, redirect: `http://127.0.0.1:${server.address().port}/callback` };
}

/** The SDK's provider interface, everything in memory and for this one run. */
class OneRunProvider {
  #redirect; #client; #tokens; #verifier; #discovery;
  #state = randomBytes(16).toString('base64url');
  constructor(redirect) { this.#redirect = redirect; }
  get redirectUrl() { return this.#redirect; }
  get clientMetadataUrl() { return documentUrl; }
  get clientMetadata() {
    return {
      client_name: 'gatelodge TypeScript check',
      redirect_uris: [this.#redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  state() { return this.#state; }
  owns(state) {
    const [have, want] = [Buffer.from(state ?? ''), Buffer.from(this.#state)];
    return have.length === want.length && timingSafeEqual(have, want);
  }
  clientInformation() { return this.#client; }
  saveClientInformation(client) { this.#client = client; }
  tokens() { return this.#tokens; }
  saveTokens(tokens) { this.#tokens = tokens; }
  /** As when the access token ends: the server refuses it, and only the refresh token is left. */
  spoilAccessToken() { this.#tokens = { ...this.#tokens, access_token: 'ended' }; }
  redirectToAuthorization(url) { step = 'sign-in'; say({ authorize: url.href }); }
  saveCodeVerifier(verifier) { this.#verifier = verifier; }
  codeVerifier() { return this.#verifier; }
  saveDiscoveryState(state) { this.#discovery = state; }
  discoveryState() { return this.#discovery; }
}

/** A connected client: signs in when the server asks for it. */
async function connect(provider, arrival) {
  const attempt = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(mcpUrl), { authProvider: provider });
    const client = new Client(
      { name: 'gatelodge-typescript-check', version: '1' },
      { versionNegotiation: { mode: MODES[era] } },
    );
    try {
      await client.connect(transport);
    } catch (error) {
      return { transport, error };
    }
    return { transport, client };
  };
  step = 'discovery';
  const first = await attempt();
  if (first.client) return first.client;
  if (!needsSignIn(first.error)) throw first.error;
  const answer = await arrival;
  if (!provider.owns(answer.get('state'))) throw new Error('the callback carries another state');
  step = 'token';
  await first.transport.finishAuth(answer);
  step = 'connect';
  const second = await attempt();
  if (second.error) throw second.error;
  return second.client;
}

/** The probe wraps the error of the transport: look through the chain. */
function needsSignIn(error) {
  for (let one = error; one; one = one.cause) if (one instanceof UnauthorizedError) return true;
  return false;
}

const { server, arrival, redirect } = await listen();
const provider = new OneRunProvider(redirect);
try {
  const client = await connect(provider, arrival);
  step = 'tools/list';
  const { tools } = await client.listTools();
  step = 'search';
  const found = await client.callTool({ name: 'search', arguments: { query } });
  const id = found.structuredContent?.results?.[0]?.id;
  if (found.isError || !id) throw new Error(`no result for ${JSON.stringify(query)}`);
  step = 'fetch';
  const document = await client.callTool({ name: 'fetch', arguments: { id } });
  if (document.isError || document.structuredContent?.id !== id) throw new Error('another document than asked for');
  step = 'refresh';
  provider.spoilAccessToken();
  const { tools: again } = await client.listTools();
  say({
    linked: {
      client_id: provider.clientInformation().client_id,
      scope: provider.tokens().scope ?? '',
      tools: tools.map((tool) => tool.name),
      refreshed: provider.tokens().access_token !== 'ended' && again.length === tools.length,
      protocol_version: client.getNegotiatedProtocolVersion(),
    },
  });
  await client.close();
} catch (error) {
  say({ failed: { step, client_id: provider.clientInformation()?.client_id ?? null, message: String(error?.message ?? error).slice(0, 400) } });
  process.exitCode = 1;
} finally {
  server.close();
  server.closeAllConnections();
}
