/**
 * kube-proxy's part, on the Service's address: TCP connections to the ready Pods, one after the other. The list of Pods
 * follows the truth with a delay, as it does in a cluster, and connections that exist live on whatever the list says.
 * TLS goes through untouched.
 */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as waitMs } from "node:timers/promises";

export interface BalancerOptions {
  readonly address: string;
  readonly port: number;
  readonly podPort: number;
}

export interface Balancer {
  /** Resolves when the Pod gets connections: after the delay. */
  add(podAddress: string): Promise<void>;
  /** Resolves when the Pod gets no new connection any more: after the delay. */
  remove(podAddress: string): Promise<void>;
  /** For every change from now on. */
  setLag(lagMs: number): void;
  counts(): ConnectionCounts;
  close(): Promise<void>;
}

export interface ConnectionCounts {
  readonly accepted: number;
  /** There was no Pod in the list, or the Pod didn't accept. */
  readonly refused: number;
}

export async function startBalancer({ address, port, podPort }: BalancerOptions): Promise<Balancer> {
  const podAddresses: string[] = [];
  const sockets = new Set<Socket>();
  let lagMs = 0;
  let next = 0;
  let accepted = 0;
  let refused = 0;

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  // Half-open, so that the end of either direction gets through as such, and not as the end of both.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted++;
    keep(client);
    const podAddress = podAddresses[next++ % podAddresses.length];
    if (podAddress === undefined) {
      refused++;
      client.on("error", () => {}).resetAndDestroy();
      return;
    }
    const pod = connect({ host: podAddress, port: podPort, allowHalfOpen: true, noDelay: true });
    keep(pod);
    pod.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") refused++;
      client.resetAndDestroy();
    });
    client.on("error", () => pod.resetAndDestroy());
    client.pipe(pod).pipe(client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });

  return {
    async add(podAddress) {
      await waitMs(lagMs);
      podAddresses.push(podAddress);
    },
    async remove(podAddress) {
      await waitMs(lagMs);
      const index = podAddresses.indexOf(podAddress);
      if (index >= 0) podAddresses.splice(index, 1);
    },
    setLag(newLagMs) {
      lagMs = newLagMs;
    },
    counts: () => ({ accepted, refused }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
