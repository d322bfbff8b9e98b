// oidc-provider on loopback: strict rotation of refresh tokens. Prints its port. `POST /mint` makes a link without a
// browser, `GET /counts` says what the token endpoint did.
import http from "node:http";
import { Provider } from "oidc-provider";

const [secret, life] = [process.env.CLIENT_SECRET, Number(process.env.ACCESS_LIFE ?? 3600)];
const counts = { success: 0, error: 0, revoked: 0, used: 0 };
const server = http.createServer();
server.listen(0, "127.0.0.1", async () => {
  const issuer = process.env.ISSUER ?? `http://127.0.0.1:${server.address().port}`;
  const client = (client_id, method) => ({
    client_id,
    client_secret: secret,
    token_endpoint_auth_method: method,
    redirect_uris: (process.env.REDIRECT_URIS ?? "http://127.0.0.1/callback").split(" "),
    grant_types: ["authorization_code", "refresh_token"],
  });
  const provider = new Provider(issuer, {
    clients: [client("basic", "client_secret_basic"), client("form", "client_secret_post")],
    cookies: { keys: ["only for tests"] },
    features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    scopes: ["openid", "offline_access"],
    ttl: { AccessToken: life, AuthorizationCode: 60, Grant: 86400, RefreshToken: 86400, Session: 600, Interaction: 600, IdToken: 600 },
  });
  provider.on("grant.success", () => (counts.success += 1));
  provider.on("grant.error", () => (counts.error += 1));
  provider.on("grant.revoked", () => (counts.revoked += 1));
  const handle = provider.callback();
  async function mint(clientId) {
    const found = await provider.Client.find(clientId);
    const grant = new provider.Grant({ accountId: "person", clientId });
    grant.addOIDCScope("openid offline_access");
    const common = { accountId: "person", client: found, grantId: await grant.save(), scope: "openid offline_access", gty: "authorization_code" };
    return {
      access_token: await new provider.AccessToken(common).save(),
      refresh_token: await new provider.RefreshToken({ ...common, rotations: 0, iiat: Math.floor(Date.now() / 1000) }).save(),
      expires_in: life,
    };
  }
  server.on("request", async (request, response) => {
    const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (request.url === "/counts") return json(counts);
    if (request.url.startsWith("/mint?")) return json(await mint(request.url.slice(6)));
    handle(request, response);
  });
  console.log(server.address().port);
});
process.stdin.on("end", () => process.exit(0)).resume();
