import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";

/** What closing in good order has to know: Node ends idle connections itself, but not those that never sent a request. */
export interface Connections {
  readonly count: () => number;
  readonly requestsInFlight: () => number;
  /** Ends every connection that is open, at whatever stage. */
  destroyAll(): void;
}

const connections = new WeakMap<HttpServer | HttpsServer, Connections>();

export interface ConnectionLimit {
  readonly max: number;
  /** Told of each connection that had to go, old or new. */
  onEvicted(): void;
}

/**
 * To be called before the server listens. One more than `max`, and the one that has carried no request for longest is
 * ended, be it still in its handshake; where all carry one, the new one is. Who holds connections open and asks nothing
 * therefore never keeps an API server out, whose connections are in use.
 */
export function trackConnections(server: HttpServer | HttpsServer, limit?: ConnectionLimit): void {
  const all = new Set<Socket>();
  /** Those without a request, the one that has been so for longest first. */
  const unused = new Set<Socket>();
  /** `request.socket` of HTTPS is the TLS socket, and this is what it runs over. */
  const transports = new WeakMap<Socket, Socket>();
  const byPeer = new Map<string, Socket>();
  let inFlight = 0;

  server.on("connection", (socket: Socket) => {
    all.add(socket);
    unused.add(socket);
    const peer = peerOf(socket);
    byPeer.set(peer, socket);
    socket.once("close", () => {
      if (byPeer.get(peer) === socket) byPeer.delete(peer);
      all.delete(socket);
      unused.delete(socket);
    });
    if (limit === undefined || all.size <= limit.max) return;
    const [longest = socket] = unused;
    limit.onEvicted();
    longest.destroy();
  });
  server.on("secureConnection", (secure: Socket) => {
    const transport = byPeer.get(peerOf(secure));
    if (transport) transports.set(secure, transport);
  });
  server.on("request", ({ socket }, response) => {
    const transport = transports.get(socket) ?? socket;
    inFlight++;
    unused.delete(transport);
    response.on("close", () => {
      inFlight--;
      if (all.has(transport)) unused.add(transport);
    });
  });
  connections.set(server, {
    count: () => all.size,
    requestsInFlight: () => inFlight,
    destroyAll() {
      for (const socket of all) socket.destroy();
    },
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

export function connectionsOf(server: HttpServer | HttpsServer): Connections | undefined {
  return connections.get(server);
}
