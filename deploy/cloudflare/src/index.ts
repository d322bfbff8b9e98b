/**
 * The Worker before one MCP server in a Container: paths in, client-sent forwarding headers out, nothing held back.
 *
 * Invariant: a path that the server does not have never reaches, and so never wakes, the container; bodies pass as
 * streams in both directions. Not here: who may call (the server checks every token itself), TLS (Cloudflare's edge).
 */
import { Container, getContainer } from "@cloudflare/containers";

interface Env {
  SERVER: DurableObjectNamespace<Server>;
  /** Vars and secrets. */
  [name: string]: unknown;
}

export class Server extends Container<Env> {
  override defaultPort = 8000;
  override sleepAfter = "10m";
  // Any Host may ask for it; every other path answers for the public name only.
  override pingEndpoint = "localhost/health/live";
  override envVars = texts(this.env);
}

function texts(env: Env): Record<string, string> {
  const found = Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(found);
}

// As the router `server` of infra/traefik/dynamic.yaml; of the well-known paths those that the server answers.
const SERVED = new RegExp(
  "^(/mcp/?" +
    "|(/mcp)?/\\.well-known/(oauth-authorization-server|openid-configuration)" +
    "|/\\.well-known/(oauth-protected-resource|oauth-authorization-server|openid-configuration)(/mcp)?" +
    "|/health(/live|/ready)?|/status|/openapi\\.json|/docs|/d/[A-Za-z0-9._~-]+)$",
);

// What the middleware `client-headers` of that file removes, what Traefik removes by itself, and the one by which the
// Container class would let a client choose the port.
const REMOVED = new Set([
  "cf-container-target-port",
  "forwarded",
  "x-real-ip",
  "x-original-forwarded-for",
  "x-original-host",
  "x-original-url",
  "x-rewrite-url",
  "x-scheme",
  "x-host",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "front-end-https",
  "remote-user",
  "x-http-method-override",
  "x-method-override",
  "traceparent",
  "tracestate",
  "baggage",
]);

function passed(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !REMOVED.has(name) && !name.startsWith("x-forwarded")));
}

export default {
  async fetch(request, env): Promise<Response> {
    if (!SERVED.test(new URL(request.url).pathname)) {
      return Response.json({ error: "not_found" }, { status: 404, headers: { "cache-control": "no-store" } });
    }
    return getContainer(env.SERVER).fetch(new Request(request, { headers: passed(request.headers) }));
  },
} satisfies ExportedHandler<Env>;
