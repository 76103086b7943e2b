/** The least that a webhook server in Node can do: TLS, the body parsed, the same answer for everything. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

const { PORT, LISTEN_ADDRESS, CERT_DIR = "" } = process.env;
const read = (name: string) => readFileSync(join(CERT_DIR, name));

createServer({ cert: read("tls.crt"), key: read("tls.key") }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { uid } = JSON.parse(Buffer.concat(chunks).toString()).request;
    const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: true } };
    const json = JSON.stringify(review);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(json) });
    response.end(json);
  });
}).listen(Number(PORT), LISTEN_ADDRESS);
