import { constants } from "node:crypto";
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { PortcullisError } from "../errors.ts";
import { connectionsOf, trackConnections } from "./connections.ts";
import {
  CONNECTIONS_CHECKING_INTERVAL_MS,
  HANDSHAKE_TIMEOUT_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  REQUEST_TIMEOUT_MS,
} from "./limits.ts";

const TIMEOUTS = {
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
};

/** The API server speaks HTTP/1.1 to webhooks, with TLS 1.2 or 1.3. */
const TLS = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] } as const;

export interface ServerTls {
  readonly certPem: string;
  readonly keyPem: string;
  /** Callers are asked for a certificate of these CAs; whether one without is answered, the listener decides. */
  readonly clientCaPem?: string | undefined;
}

function secureContextOf({ certPem, keyPem, clientCaPem }: ServerTls): SecureContextOptions {
  const pair = { ...TLS, cert: certPem, key: keyPem };
  // A resumed session would bring along what was found about a certificate earlier.
  return clientCaPem === undefined ? pair : { ...pair, ca: clientCaPem, secureOptions: constants.SSL_OP_NO_TICKET };
}

export interface AdmissionServerOptions {
  /** Those that are shipped, unless a test has less time. */
  readonly timeouts?: Partial<typeof TIMEOUTS & { readonly handshakeTimeout: number }>;
  readonly maxConnections?: number;
  /** Told of each connection that had to go because there were too many. */
  readonly onEvicted?: () => void;
}

export function createAdmissionServer(
  tls: ServerTls,
  listener: RequestListener,
  { timeouts, maxConnections = MAX_CONNECTIONS, onEvicted = () => {} }: AdmissionServerOptions = {},
): HttpsServer {
  const server = createHttpsServer(
    {
      ...TIMEOUTS,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ...timeouts,
      ...secureContextOf(tls),
      requestCert: tls.clientCaPem !== undefined,
      rejectUnauthorized: false,
    },
    listener,
  );
  trackConnections(server, { max: maxConnections, onEvicted });
  return server;
}

/**
 * New handshakes get this pair; open connections go on as they are. Throws when OpenSSL refuses it, and then the old one is
 * served on. Whether callers are asked for certificates was decided when the server was made.
 */
export function replaceTls(server: HttpsServer, tls: ServerTls): void {
  // All options again: those that are left out would fall back to Node's defaults.
  server.setSecureContext(secureContextOf(tls));
}

export function createHealthServer(listener: RequestListener): HttpServer {
  const server = createHttpServer(TIMEOUTS, listener);
  trackConnections(server);
  return server;
}

/** Resolves once the server accepts connections; rejects with PortcullisError LISTEN. `host` undefined: all addresses. */
export function listen(server: HttpServer | HttpsServer, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new PortcullisError("LISTEN", `can't listen on ${host ?? "all addresses"}, port ${port}: ${error.code}`, {
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}

/** How often idle connections are looked for once the server has stopped listening. */
const CLOSE_IDLE_INTERVAL_MS = 50;
/** What a connection gets that was accepted in the last moment, to shake hands and send its request. */
const FIRST_REQUEST_MS = 1000;

/**
 * Stops accepting, lets the requests in flight finish and ends each connection when it falls idle; at last those that
 * never sent a request. The caller bounds the time. A connection that is busy now would otherwise be kept alive for
 * KEEP_ALIVE_TIMEOUT_MS after its answer.
 */
export function closeGracefully(server: HttpServer | HttpsServer): Promise<void> {
  return new Promise((resolve) => {
    const connections = connectionsOf(server);
    const closedAtMs = performance.now();
    const endIdle = (): void => {
      server.closeIdleConnections();
      const isLate = performance.now() - closedAtMs > FIRST_REQUEST_MS;
      if (isLate && connections?.requestsInFlight() === 0) connections.destroyAll();
    };
    const interval = setInterval(endIdle, CLOSE_IDLE_INTERVAL_MS);
    server.close(() => {
      clearInterval(interval);
      resolve();
    });
    server.closeIdleConnections();
  });
}
