import type { PolicyIndex } from "../policy/policy-index.ts";
import { decode } from "./decode.ts";
import { evaluate } from "./evaluate.ts";
import { match } from "./match.ts";
import { respond } from "./respond.ts";
import type { AdmissionReview, Call, Recorder } from "./types.ts";

/**
 * The whole life of an admission request. Pure but for `recorder`. Throws DecodeError when the body breaks the contract,
 * DeadlineExceeded when nobody waits any more, and whatever a faulty rule throws: none of them ever becomes "allowed".
 */
export function review(call: Call, body: Uint8Array, policies: PolicyIndex, recorder: Recorder): AdmissionReview {
  const request = decode(body);
  const outcome = evaluate(call, match(call, request, policies), request);
  recorder.reviewed(call, request, outcome, policies);
  return respond(request, outcome);
}
