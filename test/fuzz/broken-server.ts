/**
 * The control of the fuzzer: a small webhook server with one bug, which it is told by the variable BUG. Without one it keeps
 * the contract, and nothing may be found.
 */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { contractOf } from "./contract.ts";

interface Call {
  readonly url: string;
  readonly body: Buffer;
}
interface Reply {
  readonly status: number;
  readonly json: unknown;
}

const env = process.env;
const kept: Buffer[] = [];
let lastUid = "";
let isPolluted = false;

function failure(code: number, message: string): Reply {
  return { status: code, json: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code } };
}

function verdict(response: object): Reply {
  return { status: 200, json: { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response } };
}

function answer({ body }: Call): Reply {
  const contract = contractOf(body);
  return contract.kind === "broken" ? failure(400, "bad review") : verdict({ uid: contract.uid, allowed: true });
}

/** What is wrong with each; undefined where the bug doesn't show. */
const BUGS: Readonly<Record<string, (call: Call) => Reply | undefined>> = {
  none: () => undefined,
  allows: ({ body }) => (contractOf(body).kind === "broken" ? verdict({ uid: "", allowed: true }) : undefined),
  crashes: ({ body }) => (body.includes(0xff) ? process.exit(3) : undefined),
  hangs({ body }) {
    for (; body.includes("[[[[[[[["); );
    return undefined;
  },
  throws: ({ body }) => (body.includes('"__proto__"') ? failure(500, "internal error") : undefined),
  refuses: ({ body }) => (body.includes('"toString"') ? failure(400, "bad review") : undefined),
  quotes({ body }) {
    try {
      JSON.parse(body.toString());
      return undefined;
    } catch (error) {
      return failure(400, (error as Error).message);
    }
  },
  mixes({ body }) {
    const { uid } = { uid: "", ...contractOf(body) };
    const wrong = uid.endsWith("7") ? verdict({ uid: lastUid, allowed: true }) : undefined;
    lastUid = uid;
    return wrong;
  },
  patches({ url, body }) {
    const contract = contractOf(body);
    if (contract.kind === "broken" || !url.startsWith("/mutate")) return undefined;
    const patch = [{ op: "add", path: "/metadata/annotations/seen", value: "yes" }];
    const base64 = Buffer.from(JSON.stringify(patch)).toString("base64");
    return verdict({ uid: contract.uid, allowed: true, patchType: "JSONPatch", patch: base64 });
  },
  remembers({ body }) {
    isPolluted ||= body.includes('"constructor"');
    return isPolluted && body.includes('"uid":"control"') ? failure(400, "bad review") : undefined;
  },
  leaks() {
    kept.push(Buffer.alloc(8 * 2 ** 20, 1));
    return undefined;
  },
  "dies-of-tls": () => undefined,
};

const bug = BUGS[env.BUG ?? "none"];
if (bug === undefined) throw new Error(`there is no bug ${env.BUG}`);

const pair = {
  cert: readFileSync(join(env.CERT_DIR ?? "", "tls.crt")),
  key: readFileSync(join(env.CERT_DIR ?? "", "tls.key")),
};
const server = createServer(pair, async (request, response) => {
  const { method, headers, url = "" } = request;
  const body = await buffer(request).catch(() => Buffer.alloc(0));
  const isReview = method === "POST" && /^\/(mutate|validate)(\/[a-z0-9]+)?(\?|$)/.test(url);
  const isJson = /^application\/json(; ?charset=utf-8)?$/i.test(headers["content-type"] ?? "");
  const usual = () =>
    isReview ? (isJson ? answer({ url, body }) : failure(415, "bad type")) : failure(404, "not found");
  const { status, json } = bug({ url, body }) ?? usual();
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(json));
});
server.on("tlsClientError", () => env.BUG === "dies-of-tls" && process.exit(4));
server.listen(Number(env.PORT), "127.0.0.1");
createHttpServer((_request, response) => response.end("ok\n")).listen(Number(env.HEALTH_PORT), "127.0.0.1");
