/** For `node --import`: an HTTP server that writes the URL of each request to stderr, a line each. */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";

subscribe("http.server.request.start", (message) => {
  process.stderr.write(`${(message as { readonly request: IncomingMessage }).request.url}\n`);
});
