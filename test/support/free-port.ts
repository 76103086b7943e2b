import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** On loopback, free a moment ago: nobody else is likely to get it within the test. */
export async function findFreePort(): Promise<number> {
  const [port] = await findFreePorts();
  return port;
}

/** Two that differ. */
export async function findFreePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await once(server.close(), "close");
  return [first ?? 0, second ?? 0];
}
