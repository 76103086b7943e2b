/** A caller that is refused before its body has come: it gets to see the 401, and no connection that is reset. */
import { once } from "node:events";
import { expect, it } from "vitest";
import { createClientCa } from "../support/client-certificates.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { serve } from "../support/serve.ts";

const KIB = 1024;

it.each([[900 * KIB], [2000 * KIB]])("F-19: 401 is seen by who has yet to send a body of %i bytes", async (length) => {
  const clients = { caPem: createClientCa().caPem, names: ["kube-apiserver"] };
  const server = await serve([policyOf(ruleThatFinds())], [], { clients });
  const socket = await server.openSocket();
  socket.write(
    `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
  );
  const [answer] = await once(socket, "data");
  expect(String(answer)).toMatch(/^HTTP\/1.1 401 /);
  // As the API server does, which looks at the answer once it has sent the last byte. An error of the socket fails this.
  const closed = once(socket.resume(), "close");
  socket.write(Buffer.alloc(length));
  await closed;
  expect(socket.bytesWritten).toBeGreaterThan(length);
  await server.close();
});
