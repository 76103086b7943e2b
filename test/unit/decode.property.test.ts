import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DecodeError, decode } from "../../src/admission/decode.ts";
import { bytesOf, POD, requestOf, reviewOf } from "../support/reviews.ts";

/** Text that no message of ours holds, so that finding it in one means that the body was quoted. */
const MARK = "qzx";

/** Throws whatever decode throws but DecodeError, and fails where its message holds what the caller sent. */
function check(body: Uint8Array): void {
  try {
    decode(body);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    expect(error.message).not.toContain(MARK);
  }
}

/** Anything in JSON, full of marks. */
const wild = fc.jsonValue({ stringUnit: fc.constantFrom(MARK, `${MARK}"`, "\n", "\u{1f600}") });

/** A good value most of the time, so that the parts behind it are reached. */
function mostly(usual: unknown): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, wild, fc.constant(undefined));
}

const metadata = fc.record({
  name: mostly("web"),
  labels: mostly({ app: "web" }),
  annotations: mostly(null),
  ownerReferences: mostly([{ kind: "ReplicaSet", controller: true }]),
  deletionTimestamp: mostly(undefined),
});
const object = fc.oneof(
  mostly(POD),
  metadata.map((fields) => ({ ...POD, metadata: fields })),
);
const request = fc
  .record({
    uid: mostly("705ab4f5"),
    operation: fc.oneof(fc.constantFrom("CREATE", "UPDATE", "DELETE"), wild),
    kind: mostly({ group: "", version: "v1", kind: "Pod" }),
    resource: mostly({ group: "", version: "v1", resource: "pods" }),
    subResource: mostly(undefined),
    namespace: mostly("application"),
    userInfo: mostly({ username: "alice" }),
    dryRun: mostly(false),
    object,
    oldObject: object,
  })
  .map(requestOf);

describe("decode", () => {
  it("makes a request or a DecodeError of any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check));
  });

  it("makes a request or a DecodeError of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0', MARK) }), (text) => check(Buffer.from(text))),
    );
  });

  it("makes a request or a DecodeError of any JSON", () => {
    fc.assert(fc.property(wild, (value) => check(bytesOf(value))));
  });

  it("makes a request or a DecodeError of a review with anything anywhere", () => {
    fc.assert(
      fc.property(request, (value) => check(bytesOf(reviewOf(value)))),
      { numRuns: 1000 },
    );
  });

  it("makes a request or a DecodeError of a review with bytes changed", () => {
    const good = bytesOf(reviewOf(requestOf()));
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const body = Uint8Array.from(good);
        for (const [offset, byte] of changes) body[offset] = byte;
        check(body);
      }),
    );
  });
});
