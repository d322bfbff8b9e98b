// oauth2-mock-server in the place of a team's domain at Cloudflare Access. Prints its port.
// `/cdn-cgi/access/certs` is its key set. `POST /sign` signs claims as Access would, `POST /rotate` begins to sign with a
// new key and publishes that and the one before, `POST /outage` says whether the key set can be had, `GET /counts` counts.
import http from "node:http";
import { OAuth2Server } from "oauth2-mock-server";

const CERTS = "/cdn-cgi/access/certs";
const counts = { certs: 0 };
let [team, keys, outage] = [null, [], false];

async function publish(issuer) {
  team = new OAuth2Server(undefined, undefined, { endpoints: { jwks: CERTS } });
  team.issuer.url = issuer;
  for (const key of keys) await team.issuer.keys.add(key);
}

async function rotate(issuer) {
  const fresh = await new OAuth2Server().issuer.keys.generate("RS256");
  keys = [...keys.slice(-1), { ...fresh, use: "sig" }];
  await publish(issuer);
  return { kid: fresh.kid };
}

async function sign({ claims, header, kid }) {
  const token = await team.issuer.buildToken({
    kid: kid ?? keys.at(-1).kid,
    scopesOrTransform: (head, payload) => {
      Object.assign(head, header);
      Object.assign(payload, claims);
      for (const name of Object.keys(payload)) if (payload[name] === null) delete payload[name];
    },
  });
  return { token };
}

const body = async (request) => JSON.parse((await request.setEncoding("utf8").toArray()).join("") || "{}");
const server = http.createServer();
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  const issuer = process.env.ISSUER || `http://127.0.0.1:${port}`;
  await rotate(issuer);
  await rotate(issuer);
  const answers = {
    "/counts": async () => counts,
    "/sign": sign,
    "/rotate": async () => rotate(issuer),
    "/outage": async ({ on }) => ((outage = on), { on }),
  };
  server.on("request", async (request, response) => {
    const answer = answers[request.url];
    if (answer) {
      const said = JSON.stringify(await answer(await body(request)));
      return response.writeHead(200, { "content-type": "application/json" }).end(said);
    }
    if (request.url === CERTS) counts.certs += 1;
    if (outage) return response.writeHead(503).end();
    team.service.requestHandler(request, response);
  });
  console.log(port);
});
process.stdin.on("end", () => process.exit(0)).resume();
