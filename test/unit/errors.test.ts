import { describe, expect, it } from "vitest";
import { describeFailure, ERRORS, type ErrorCode, PortcullisError } from "../../src/errors.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe("a failure that a person meets", () => {
  it.each(CODES)("%s is told with its code, what happened and what to do", (code) => {
    const { text, exitStatus } = describeFailure(new PortcullisError(code, "what happened"));
    expect(text).toBe(`${code}: what happened\n${ERRORS[code].remedy}`);
    expect(exitStatus).toBe(ERRORS[code].exitStatus);
  });

  it("ends a program with 2 for what it was given, 3 for RBAC and 1 otherwise", () => {
    const expected: Partial<Record<ErrorCode, number>> = { SETTINGS: 2, POLICIES: 2, RBAC: 3 };
    for (const code of CODES) expect(new PortcullisError(code, "").exitStatus, code).toBe(expected[code] ?? 1);
  });

  it("keeps what caused it", () => {
    const cause = new Error("ENOENT");
    expect(new PortcullisError("CERTIFICATES", "missing", { cause }).cause).toBe(cause);
  });
});

describe("a failure that is a bug", () => {
  it("is told with its stack", () => {
    const bug = new TypeError("undefined is not a function");
    expect(describeFailure(bug)).toEqual({ text: bug.stack, exitStatus: 1 });
  });

  it.each([
    ["a string", "oh"],
    ["null", null],
    ["nothing", undefined],
  ])("may be %s", (_name, thrown) => {
    expect(describeFailure(thrown)).toEqual({ text: String(thrown), exitStatus: 1 });
  });

  it("without a stack is told by its message", () => {
    const bug = new Error("no stack");
    delete bug.stack;
    expect(describeFailure(bug).text).toBe("no stack");
  });
});
