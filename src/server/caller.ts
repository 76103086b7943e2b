import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** No client certificate, one that CLIENT_CA_FILE doesn't vouch for now, or one whose common name is not in CLIENT_NAMES. */
export type CallerRefusal = "no-certificate" | "untrusted" | "name";

/** Why whoever is at the other end gets no answer; undefined: it gets one. */
export type CallerCheck = (socket: Socket) => CallerRefusal | undefined;

/** For a server that asks for client certificates (createAdmissionServer with `clientCaPem`). */
export function checkCallers(names: readonly string[]): CallerCheck {
  /** A certificate belongs to the connection: one look is enough. */
  const known = new WeakMap<Socket, CallerRefusal | "known">();
  return (socket) => {
    let seen = known.get(socket);
    if (seen === undefined) {
      seen = refusalOf(socket as TLSSocket, names) ?? "known";
      known.set(socket, seen);
    }
    return seen === "known" ? undefined : seen;
  };
}

function refusalOf(socket: TLSSocket, names: readonly string[]): CallerRefusal | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return "no-certificate";
  if (!socket.authorized) return "untrusted";
  // With several common names it is a list, and no name of ours.
  const { CN } = certificate.toLegacyObject().subject;
  return typeof CN === "string" && names.includes(CN) ? undefined : "name";
}
