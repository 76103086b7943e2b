/**
 * For `node --import`: an HTTP server that sends `Connection: close` with every answer, so that whoever calls has to
 * connect anew each time. The program that it is loaded into is otherwise the one that ships.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";

subscribe("http.server.request.start", (message) => {
  (message as { readonly response: ServerResponse }).response.setHeader("Connection", "close");
});
