/** What most webhooks in Node are: express with its JSON parser, and the same answer for everything. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import express from "express";

const { PORT, LISTEN_ADDRESS, CERT_DIR = "" } = process.env;
const read = (name: string) => readFileSync(join(CERT_DIR, name));

const app = express();
// The default is 100 kB, and the API server takes objects of up to 3 MiB.
app.use(express.json({ limit: "3mb" }));
app.post(["/validate", "/mutate"], (request, response) => {
  const { uid } = request.body.request;
  response.json({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: true } });
});
createServer({ cert: read("tls.crt"), key: read("tls.key") }, app).listen(Number(PORT), LISTEN_ADDRESS);
