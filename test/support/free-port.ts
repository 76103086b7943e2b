import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Free a moment ago: nobody else is likely to get it within the test. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
