// The Worker as wrangler bundles it, with one thing replaced: Cloudflare's container runtime, `ctx.container`. What the
// Container class sends to the container's port goes to the service TARGET. /test/started says what it was started with.
import production, { Server } from "./index.js";

function runtime(target) {
  let ended = () => undefined;
  const stopped = new Promise((resolve) => (ended = resolve));
  return {
    running: false,
    started: [],
    ports: [],
    start(options) {
      this.running = true;
      this.started.push(options);
    },
    monitor: () => stopped,
    getTcpPort(port) {
      this.ports.push(port);
      return { fetch: (resource, init) => target.fetch(resource, init) };
    },
    signal: ended,
    destroy: async () => ended(),
  };
}

export class Local extends Server {
  constructor(ctx, env) {
    const container = runtime(env.TARGET);
    Object.defineProperty(ctx, "container", { value: container });
    super(ctx, env);
    this.seen = container;
  }

  told() {
    return { started: this.seen.started, ports: [...new Set(this.seen.ports)] };
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/test/started") return production.fetch(request, env, ctx);
    return Response.json(await env.SERVER.getByName("cf-singleton-container").told());
  },
};
