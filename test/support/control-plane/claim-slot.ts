/**
 * What control planes on one machine must not share: ports on loopback, and the range of Service ClusterIPs.
 * Both follow from one number, which the process that claims it keeps until it releases it or ends.
 */
import { createServer, type Server } from "node:net";

export interface Slot {
  /** The first three bytes of the Service ClusterIPs, a /24: "127.30.7". */
  readonly clusterIpPrefix: string;
  readonly apiServerPort: number;
  readonly secondApiServerPort: number;
  readonly etcdClientPort: number;
  readonly etcdPeerPort: number;
  release(): Promise<void>;
}

// Below the ports that systems give to outgoing connections (Linux 32768, IANA and macOS 49152), so that a port
// that is free now is still free when the component listens.
const FIRST_PORT = 23_000;
const PORTS_PER_SLOT = 10;
const SLOT_COUNT = 256; // 127.30.0.0/24 to 127.30.255.0/24

/** Throws if all slots are taken. */
export async function claimSlot(): Promise<Slot> {
  for (let number = 0; number < SLOT_COUNT; number++) {
    const firstPort = FIRST_PORT + number * PORTS_PER_SLOT;
    const claim = await listen(firstPort);
    if (claim === undefined) continue;
    claim.unref();
    const slot = {
      clusterIpPrefix: `127.30.${number}`,
      apiServerPort: firstPort + 1,
      etcdClientPort: firstPort + 2,
      etcdPeerPort: firstPort + 3,
      secondApiServerPort: firstPort + 4,
      release: () => close(claim),
    };
    const ports = [slot.apiServerPort, slot.secondApiServerPort, slot.etcdClientPort, slot.etcdPeerPort];
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return slot;
    await slot.release();
  }
  throw new Error(`no free ports for a control plane on 127.0.0.1 from ${FIRST_PORT} on`);
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await close(server);
  return true;
}

/** Undefined if the port is taken. */
function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
