/** What the keeper answers to the kubelet's startup probe and to Prometheus: plain HTTP, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { PortcullisError } from "../../src/errors.ts";

/** `hasStarted`: the first round is done, and the server may start. Rejects with PortcullisError LISTEN. */
export function serveHealth(port: number, hasStarted: () => boolean, registry: Registry): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, hasStarted, registry).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const message = `can't listen on all addresses, port ${port} (KEEPER_PORT): ${error.code}`;
      reject(new PortcullisError("LISTEN", message, { cause: error }));
    });
    server.listen(port, () => resolve(server));
  });
}

async function answer(
  { url }: IncomingMessage,
  response: ServerResponse,
  hasStarted: () => boolean,
  registry: Registry,
): Promise<void> {
  if (url === "/healthz") {
    response.writeHead(hasStarted() ? 200 : 503, { "Content-Type": "text/plain" });
    response.end(hasStarted() ? "ok\n" : "the first round is not done\n");
  } else if (url === "/metrics") {
    const text = await registry.metrics();
    response.writeHead(200, { "Content-Type": registry.contentType }).end(text);
  } else {
    response.writeHead(404).end();
  }
}
