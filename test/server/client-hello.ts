/** The first message of a TLS handshake, written byte by byte. */
import { connect } from "node:net";

function vectorOf(lengthBytes: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

const extensionOf = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.of(type >> 8, type & 0xff), vectorOf(2, content)]);

/**
 * The ClientHello of TLS 1.2 (RFC 5246, 7.4.1.2), in which the server's certificate comes in clear, with a server_name
 * (RFC 6066, 3) that Node's own client would not send.
 */
export function clientHelloOf(serverName?: Buffer): Buffer {
  const extensions = [
    ...(serverName === undefined ? [] : [extensionOf(0, vectorOf(2, Buffer.of(0), vectorOf(2, serverName)))]),
    extensionOf(10, vectorOf(2, Buffer.from("001d0017", "hex"))),
    extensionOf(11, vectorOf(1, Buffer.of(0))),
    extensionOf(13, vectorOf(2, Buffer.from("040308040401", "hex"))),
  ];
  const hello = Buffer.concat([
    Buffer.from("0303", "hex"),
    Buffer.alloc(32, 7),
    vectorOf(1),
    vectorOf(2, Buffer.from("c02bc02fc02cc030", "hex")),
    vectorOf(1, Buffer.of(0)),
    vectorOf(2, ...extensions),
  ]);
  return Buffer.concat([Buffer.from("160301", "hex"), vectorOf(2, Buffer.of(1), vectorOf(3, hello))]);
}

/** What comes back to it: until the server's certificate has come, or the connection has ended. */
export function answerToHello(port: number, hello: Buffer, certificate: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(hello));
    let answer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.includes(certificate)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(answer));
  });
}
