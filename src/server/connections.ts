import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";

/** What closing in good order has to know: Node ends idle connections itself, but not those that never sent a request. */
export interface Connections {
  readonly requestsInFlight: () => number;
  /** Ends every connection that is open, at whatever stage. */
  destroyAll(): void;
}

const connections = new WeakMap<HttpServer | HttpsServer, Connections>();

/** To be called before the server listens. */
export function trackConnections(server: HttpServer | HttpsServer): void {
  const sockets = new Set<Socket>();
  let inFlight = 0;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", (_request, response) => {
    inFlight++;
    response.once("close", () => inFlight--);
  });
  connections.set(server, {
    requestsInFlight: () => inFlight,
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  });
}

export function connectionsOf(server: HttpServer | HttpsServer): Connections | undefined {
  return connections.get(server);
}
