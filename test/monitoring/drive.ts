/** What goes wrong with a server, as its callers and its files bring it about: each drives one alert. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";

const MIB = 1024 * 1024;
const DEPLOYMENTS = { group: "apps", version: "v1", resource: "deployments" };

/** Of a Deployment. */
function reviewWith(labels: Readonly<Record<string, string>>): Uint8Array {
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "application", labels },
    spec: { template: { metadata: { labels }, spec: { containers: [] } } },
  };
  const kind = { group: "apps", version: "v1", kind: "Deployment" };
  return bytesOf(reviewOf(requestOf({ kind, resource: DEPLOYMENTS, requestResource: DEPLOYMENTS, object })));
}

/** A connection that verifies nothing: the certificate changes meanwhile. */
async function open(port: number): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

function head(path: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
}

/** The status of an answer to a head, and maybe a body. */
async function statusOf(port: number, path: string, length: number, body: Uint8Array | string = ""): Promise<number> {
  const socket = await open(port);
  socket.write(head(path, length));
  socket.write(body);
  const [answer] = await once(socket, "data");
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1]);
}

/** Through one entry or the other. */
export function askAbout(
  port: number,
  path = "/validate",
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const body = reviewWith(labels);
  return statusOf(port, path, body.length, body);
}

export function sendGarbage(port: number): Promise<number> {
  return statusOf(port, "/validate", 1, "{");
}

export function announceTooMuch(port: number): Promise<number> {
  return statusOf(port, "/validate", 33 * MIB);
}

/** Two announce all that there is room for, and a third one comes. */
export async function fillUp(port: number): Promise<number> {
  const held = [await open(port), await open(port)];
  held[0]?.write(head("/validate", 31 * MIB));
  held[1]?.write(head("/validate", 16 * MIB));
  try {
    return await statusOf(port, "/validate", 2 * MIB);
  } finally {
    for (const socket of held) socket.destroy();
  }
}

/** As an API server whose caBundle has another CA; Node's own client sends no alert. */
export async function distrust(port: number, caPem: string, directory: string): Promise<void> {
  const caFile = join(directory, "other-ca.crt");
  writeFileSync(caFile, caPem);
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-verify_return_error", "-CAfile", caFile];
  await once(spawn("openssl", args, { stdio: "ignore" }), "close");
}

/** The caller ends them. */
export async function connectOften(port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += 100) {
    const batch = Array.from({ length: 100 }, () => connectPlain(port, "127.0.0.1").on("error", () => {}));
    sockets.push(...batch);
    await Promise.all(batch.map((socket) => once(socket, "connect")));
  }
  return sockets;
}
