/** What the Pods may and have, seen from inside and from beside them. */
import { beforeAll, expect, it } from "vitest";
import { namespace } from "./support/busy.ts";
import { describeE2e, type E2eCluster } from "./support/cluster.ts";
import { PORTCULLIS } from "./support/enforcing.ts";
import { ensureKustomized } from "./support/installed.ts";
import { podOfNode, runToEnd } from "./support/node-pods.ts";

const ELSEWHERE = "portcullis-e2e-elsewhere";

/** Every path that holds what looks like a token, and what the process sees of it in its environment. */
const SEARCH_FOR_TOKENS = `
const fs = require("node:fs"), found = [];
const isToken = (text) => /eyJhbGciOi[\\w-]+\\.[\\w-]+\\.[\\w-]+/.test(text);
const look = (directory) => {
  let entries = [];
  try { entries = fs.readdirSync(directory, { withFileTypes: true }); } catch {}
  for (const entry of entries) {
    const path = directory + "/" + entry.name;
    try {
      if (entry.isDirectory()) look(path);
      else if (fs.statSync(path).size < 65536 && isToken(fs.readFileSync(path, "latin1"))) found.push(path);
    } catch {}
  }
};
for (const root of process.argv.slice(1)) look(root);
if (isToken(JSON.stringify(process.env))) found.push("environment");
console.log(JSON.stringify(found));
`;
const ROOTS = ["/var/run", "/run", "/etc", "/tmp", "/app", "/root", "/home"];

/** POSTs what a stranger would like to know about; prints status and text. */
const ASK = `
const { request } = require("node:https");
const [host, ...asked] = process.argv.slice(1);
const ask = ([method, path, body]) => new Promise((resolve, reject) => {
  const headers = { "content-type": "application/json" };
  const outgoing = request({ host, path, method, headers, rejectUnauthorized: false }, (response) => {
    let text = "";
    response.on("data", (chunk) => { text += chunk; }).on("end", () => resolve([response.statusCode, text]));
  });
  outgoing.on("error", reject).end(body);
});
(async () => {
  const answers = [];
  for (const one of asked) answers.push(await ask(JSON.parse(one)));
  console.log(JSON.stringify(answers));
})();
`;

describeE2e("the Pods", (cluster) => {
  beforeAll(() => ensureKustomized(cluster(), "base"));

  it("run in a namespace of Pod Security level restricted", async () => {
    const enforced = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    expect(await cluster().run(["get", "namespace", PORTCULLIS, "-o", enforced])).toBe("restricted");
    const ready = "jsonpath={.status.readyReplicas}";
    expect(await cluster().run(["get", "deployment", PORTCULLIS, "-n", PORTCULLIS, "-o", ready])).toBe("2");
    const loose = podOfNode(cluster(), { name: "loose", namespace: PORTCULLIS, script: "" });
    const { stderr } = await cluster().kubectl(["create", "--dry-run=server", "-f", "-"], {
      stdin: JSON.stringify(loose),
    });
    expect(stderr, "control: the level is in force").toContain('violates PodSecurity "restricted');
  });

  it("have no token where the server runs", async () => {
    const inServer = ["exec", "-n", PORTCULLIS, `deployment/${PORTCULLIS}`, "-c", "server", "--"];
    const found = await cluster().run([...inServer, "node", "-e", SEARCH_FOR_TOKENS, "--", ...ROOTS]);
    expect(JSON.parse(found)).toEqual([]);
    // And the search finds one where there is one.
    await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(ELSEWHERE)));
    const script = SEARCH_FOR_TOKENS;
    const options = { name: "with-token", namespace: ELSEWHERE, script, args: ROOTS, hasToken: true };
    const control = JSON.parse(await runToEnd(cluster(), podOfNode(cluster(), options)));
    expect(control.join(), "control").toContain("serviceaccount");
  });

  it("tell a Pod of another namespace nothing that it didn't say itself", async () => {
    await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(ELSEWHERE)));
    const asked = [
      ["GET", "/"],
      ["GET", "/metrics"],
      ["GET", "/policies"],
      ["POST", "/validate", "{}"],
      ["POST", "/validate", JSON.stringify(reviewOf({}))],
      ["POST", "/validate", JSON.stringify(reviewOf({ app: "web" }))],
    ];
    const args = [`${PORTCULLIS}.${PORTCULLIS}.svc`, ...asked.map((one) => JSON.stringify(one))];
    const pod = podOfNode(cluster(), { name: "stranger", namespace: ELSEWHERE, script: ASK, args });
    const answers = JSON.parse(await runToEnd(cluster(), pod)) as [number, string][];
    expect(answers.map(([status]) => status)).toEqual([404, 404, 404, 400, 200, 200]);
    const verdicts = answers.slice(4).map(([, text]) => JSON.parse(text).response);
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([false, true]);
    // Of this cluster: a node, a Pod, an address, or a certificate.
    const nodes = await itemsOf(cluster(), "nodes", "{.metadata.name} {.status.addresses[*].address}");
    const pods = await itemsOf(cluster(), "pods", "{.metadata.name} {.status.podIP}");
    const told = answers.map(([, text]) => text).join("\n");
    const isTold = (word: string) => told.split(/[^\w.-]+/).includes(word);
    expect([...nodes, ...pods].filter(isTold)).toEqual([]);
    expect(told).not.toContain("CERTIFICATE");
    cluster().tell(
      "a stranger's calls",
      `statuses ${answers.map(([status]) => status).join(", ")}, nothing of the cluster told`,
    );
  });
});

/** Words of all of them, in all namespaces. */
async function itemsOf({ run }: E2eCluster, kind: string, words: string): Promise<readonly string[]> {
  const text = await run(["get", kind, "-A", "-o", `jsonpath={range .items[*]}${words}{"\\n"}{end}`]);
  const found = text.split(/\s+/).filter((word) => word !== "");
  expect(found.length, "control: there are some").toBeGreaterThan(0);
  return found;
}

function reviewOf(labels: Readonly<Record<string, string>>) {
  const gvk = { group: "apps", version: "v1" };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "4d9fd5a1-0000-4000-8000-000000000001",
      kind: { ...gvk, kind: "Deployment" },
      resource: { ...gvk, resource: "deployments" },
      namespace: "somewhere",
      name: "something",
      operation: "CREATE",
      userInfo: { username: "somebody" },
      object: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "something", labels }, spec: {} },
    },
  };
}
