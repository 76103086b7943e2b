/** The network between the API server and a Pod, with faults: of TCP, so what is lost on the way comes late, and in order. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Faults {
  /** In each direction. */
  readonly delayMs?: number;
  /** One chunk of so many is lost, and sent again after LOST_MS. */
  readonly losesOneIn?: number;
  /** Nothing gets through, and nobody hears of it. */
  readonly isCut?: boolean;
}

export interface LinkOptions {
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly podAddress: string;
  readonly podPort: number;
}

export interface Link {
  readonly port: number;
  /** From now on, on connections that exist, too. */
  behave(faults: Faults): void;
  counts(): { readonly connections: number; readonly lost: number };
  close(): Promise<void>;
}

/** Linux sends again after 200 ms at the earliest. */
const LOST_MS = 300;

export async function openLink({ address, port, podAddress, podPort }: LinkOptions): Promise<Link> {
  const sockets = new Set<Socket>();
  let faults: Faults = {};
  let [connections, chunks, lost] = [0, 0, 0];

  const delayNextMs = (): number => {
    const { delayMs = 0, losesOneIn = Number.POSITIVE_INFINITY } = faults;
    const isLost = ++chunks % losesOneIn === 0;
    if (isLost) lost++;
    return delayMs + (isLost ? LOST_MS : 0);
  };
  const carry = (from: Socket, to: Socket): void => {
    let last = Promise.resolve();
    const later = (act: () => void): void => {
      const dueMs = performance.now() + delayNextMs();
      last = last.then(() => sleep(Math.max(0, dueMs - performance.now()))).then(act);
    };
    from.on("data", (chunk: Buffer) => {
      if (!faults.isCut) later(() => to.write(chunk));
    });
    from.on("end", () => {
      if (!faults.isCut) later(() => to.end());
    });
    from.on("error", () => to.destroy());
    sockets.add(from);
    from.once("close", () => sockets.delete(from));
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections++;
    const pod = connect({ host: podAddress, port: podPort, allowHalfOpen: true, noDelay: true });
    carry(client, pod);
    carry(pod, client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    behave(next) {
      faults = next;
    },
    counts: () => ({ connections, lost }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
