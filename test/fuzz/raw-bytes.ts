/** HTTP that is nearly right, TLS that is nearly right, and neither: bytes for a connection, and how they are written. */
import { clientHelloOf } from "../server/client-hello.ts";
import { ENDINGS, type RawCase, TRANSPORTS } from "./fuzz-case.ts";
import { MARK } from "./hostile.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";

export function rawCase(random: Random, body: Buffer, path: string): RawCase {
  const transport = random.pick(TRANSPORTS);
  const isTls = (transport === "tcp" && !random.once(4)) || transport === "tls-broken";
  const written = isTls
    ? tlsBytes(random)
    : httpBytes(random, body, transport === "health" ? healthPath(random) : path);
  const bytes = random.once(2) ? mutateBytes(random, written, [body]) : written;
  return { kind: "raw", transport, pieces: splitIn(random, bytes.length), ending: random.pick(ENDINGS), bytes };
}

/** Most are sent in one piece, some byte by byte at the beginning. */
function splitIn(random: Random, length: number): readonly number[] {
  const pieces: number[] = [];
  let rest = length;
  for (let count = random.once(2) ? 0 : random.below(12); count > 0 && rest > 1; count--) {
    const piece = 1 + random.below(random.once(2) ? Math.min(3, rest - 1) : rest - 1);
    pieces.push(piece);
    rest -= piece;
  }
  return rest > 0 ? [...pieces, rest] : pieces;
}

function healthPath(random: Random): string {
  return random.pick([
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    `/${MARK}`,
    "/healthz/",
    "/%",
    "/%2e%2e/metrics",
    "//",
    "/metrics?a=b",
  ]);
}

const METHODS = [
  "POST",
  "POST",
  "POST",
  "GET",
  "HEAD",
  "PUT",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "PRI",
  "post",
  "M-SEARCH",
  MARK,
  "",
];
const TARGETS = [
  "*",
  "/",
  "//validate",
  "/validate/",
  "/Validate",
  "/validate/%2e%2e",
  "https://a/validate",
  "/%",
  "",
  "/ validate",
  "/\0",
];
const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/0.9",
  "HTTP/9.9",
  "http/1.1",
  "SIP/2.0",
  "",
];
const BREAKS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n", "\0"];

function headers(random: Random, length: number): readonly string[] {
  const all = [
    `Content-Length: ${length + random.pick([-1, 1, 100, 1e9])}`,
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length : 2",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Content-Encoding: gzip",
    "Content-Type: application/json; charset=utf-16",
    "Content-Type: application/yaml",
    `Content-Type: ${MARK}`,
    "Connection: close",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "Upgrade: websocket",
    "Expect: 100-continue",
    `Expect: ${MARK}`,
    "Host:",
    "Host: a\r\nHost: b",
    " folded: line",
    ": nameless",
    `X-${MARK}: ${"x".repeat(random.pick([10, 1_000, 20_000]))}`,
    `Cookie: ${"a=b;".repeat(random.pick([1, 500, 3_000]))}`,
    "__proto__: 1",
    "Constructor: 1",
    "X: \u00e9\u0000",
    "Trailer: X",
    "Keep-Alive: timeout=-1",
    "Forwarded: for=::1",
  ];
  const many = random.once(30) ? Array.from({ length: 3_000 }, (_, index) => `X-${index}: ${index}`) : [];
  return [...Array.from({ length: random.below(4) }, () => random.pick(all)), ...many];
}

/** A request, sometimes followed by others, on a connection that is kept. */
function httpBytes(random: Random, body: Buffer, path: string): Buffer {
  const requests = Array.from({ length: random.once(4) ? 1 + random.below(5) : 1 }, () => {
    const isChunked = random.once(4);
    const target = random.once(3) ? random.pick(TARGETS) : path;
    const first = random.once(2)
      ? `POST ${path} HTTP/1.1`
      : `${random.pick(METHODS)} ${target} ${random.pick(VERSIONS)}`;
    const lines = [
      first,
      ...(random.once(12) ? [] : ["Host: portcullis.policy.svc"]),
      ...(random.once(8) ? [] : ["Content-Type: application/json"]),
      ...(isChunked ? ["Transfer-Encoding: chunked"] : random.once(8) ? [] : [`Content-Length: ${body.length}`]),
      ...headers(random, body.length),
      "",
      "",
    ];
    const lineBreak = random.once(8) ? random.pick(BREAKS) : "\r\n";
    return Buffer.concat([Buffer.from(lines.join(lineBreak)), isChunked ? chunked(random, body) : body]);
  });
  return Buffer.concat(requests);
}

function chunked(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, 1 + random.below(2_000));
    const told = random.once(20)
      ? random.pick(["0", "-1", "ffffffffffffffffff", "g", "", "1;a=b", "0x10"])
      : size.toString(16);
    parts.push(
      Buffer.from(`${told}${random.once(10) ? ";x=y" : ""}\r\n`),
      body.subarray(at, at + size),
      Buffer.from("\r\n"),
    );
    at += size;
  }
  const end = random.pick(["0\r\n\r\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\n__proto__: y\r\n\r\n", "", "0\r\n"]);
  return Buffer.concat([...parts, Buffer.from(end)]);
}

const NAMES = [
  "portcullis.policy.svc",
  "",
  "127.0.0.1",
  "\0",
  "a".repeat(1_000),
  ".",
  "*.svc",
  `${MARK}\r\n`,
  "xn--ls8h.example",
].map((name) => Buffer.from(name));

/** Records of the types that there are, and of some that there aren't. */
const RECORD_TYPES = [20, 21, 22, 23, 24, 0, 25, 128, 255];

function tlsBytes(random: Random): Buffer {
  const hello = random.once(5) ? clientHelloOf() : clientHelloOf(random.pick(NAMES));
  const records = Array.from({ length: random.below(4) }, () => recordOf(random));
  return Buffer.concat(random.once(2) ? [hello, ...records] : [...records, hello]);
}

function recordOf(random: Random): Buffer {
  const content = random.bytes(random.pick([0, 1, 2, 5, 64, 1_000]));
  const length = random.once(3) ? random.pick([0, 1, 16_384, 16_385, 18_432, 65_535]) : content.length;
  const version = random.pick([0x0301, 0x0303, 0x0304, 0x0200, 0x0000, 0xffff]);
  const head = Buffer.from([random.pick(RECORD_TYPES), version >> 8, version & 255, length >> 8, length & 255]);
  return Buffer.concat([head, content]);
}
