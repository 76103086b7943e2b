import { describe, expect, it } from "vitest";
import { ApiUnavailable, ask } from "../../src/cluster/ask.ts";

const ASKED = { verb: "get", resource: "secrets", name: "certs", namespace: "portcullis" };

function failingWith(error: Error): Promise<unknown> {
  return ask(ASKED, [], () => Promise.reject(error)).catch((thrown: unknown) => thrown);
}

describe("a request that gets no answer", () => {
  it.each([
    [
      "fails as fetch says it",
      new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }),
      "connect ECONNREFUSED",
    ],
    ["fails without a reason", new TypeError("terminated", { cause: undefined }), "terminated"],
    [
      "takes too long",
      new DOMException("The operation was aborted due to timeout", "TimeoutError"),
      "aborted due to timeout",
    ],
  ])("may get one later when it %s", async (_, error, reason) => {
    const thrown = await failingWith(error);
    expect(thrown).toBeInstanceOf(ApiUnavailable);
    expect(String(thrown)).toContain(`get secrets "certs" in portcullis: `);
    expect(String(thrown)).toContain(reason);
  });

  it("is a bug when it is one, and not the API server's fault", async () => {
    const bug = new TypeError("typeMap[type].getAttributeTypeMap is not a function");
    expect(await failingWith(bug)).toBe(bug);
  });
});
