/** For `node --import`: the server from its source with the bugs of broken-program.ts in it. */
import { rules } from "../../src/rules/index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { MESSAGE, PROMISED, SIGNALS } from "./broken-program.ts";

process.on(SIGNALS.throws, () => {
  throw new Error(MESSAGE);
});
process.on(SIGNALS.rejects, () => void Promise.reject(new Error(MESSAGE)));

for (const rule of rules) {
  const { evaluate } = rule;
  const broken: Rule["evaluate"] = (input) =>
    input.object.metadata?.name === PROMISED
      ? (Promise.reject(new Error(JSON.stringify(input.object))) as never)
      : evaluate.call(rule, input);
  Object.assign(rule, { evaluate: broken });
}
