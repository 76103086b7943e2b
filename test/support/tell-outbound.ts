/** Loaded by `--import` before a program: a line in the file that the URL names for whatever would leave the process. */
import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import { appendFileSync } from "node:fs";
import net from "node:net";

const file = new URL(import.meta.url).searchParams.get("file") ?? "";

function tell<Name extends string>(owner: { [key in Name]: unknown }, name: Name): void {
  const original = owner[name] as (...args: unknown[]) => unknown;
  owner[name] = function (this: unknown, ...args: unknown[]) {
    // Whoever listens on an address looks that up too, and it is what it says.
    if (name !== "lookup" || net.isIP(String(args[0])) === 0) appendFileSync(file, `${name}\n`);
    return original.apply(this, args);
  };
}

tell(net.Socket.prototype as { connect: unknown }, "connect");
tell(dgram as { createSocket: unknown }, "createSocket");
tell(dns as { lookup: unknown }, "lookup");
tell(dns.promises as { lookup: unknown }, "lookup");
tell(dns.Resolver.prototype as { resolve: unknown }, "resolve");
tell(childProcess as { spawn: unknown }, "spawn");
