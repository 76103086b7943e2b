/** Removal as manifests/README.md has it, on a busy cluster; the commands are read from the page. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FORMS } from "./scenarios.ts";
import { whileBusy } from "./support/busy.ts";
import { amounts, describeE2e } from "./support/cluster.ts";
import { configurations, PORTCULLIS } from "./support/enforcing.ts";
import { ensureKustomized } from "./support/installed.ts";
import { writeKustomization } from "./support/kustomize.ts";
import { expectNothingLeft } from "./support/removed.ts";

const PAGE = readFileSync(new URL("../../manifests/README.md", import.meta.url), "utf8");
const { renewals, wrongOrder } = amounts ?? FORMS.short;

describeE2e("removal", (cluster) => {
  it.each(renewals)(
    "of manifests/%s in the page's order refuses nobody's write, and leaves nothing",
    async (source) => {
      await ensureKustomized(cluster(), source);
      const commands = commandsAfter("**Removal**");
      expect(commands.length, "control: the page has commands").toBeGreaterThanOrEqual(3);
      const directory = writeKustomization(cluster(), source);
      const work = async () => {
        for (const command of commands) {
          const [, ...args] = command.replace("manifests/base", directory).split(" ");
          await cluster().run(args);
        }
      };
      const { load, counted } = await whileBusy(cluster(), `${source}: removal by kustomize`, work, { settled: false });
      expect([...load.failures]).toEqual([]);
      expect(counted).toMatchObject({ callErrors: 0, failOpen: 0 });
      expect(load.verdicts.get("unlabelled: admitted"), "control: it is over").toBeGreaterThan(0);
      await expectNothingLeft(cluster());
    },
  );

  it.runIf(wrongOrder)("namespace first: writes are refused until the page's one command", async () => {
    await ensureKustomized(cluster(), "base");
    const command = /`(kubectl delete mutatingwebhookconfiguration[^`]*)`/.exec(PAGE)?.[1] ?? "";
    const [, ...args] = command.split(" ");
    const { load } = await whileBusy(
      cluster(),
      "removal, namespace first",
      async () => {
        await cluster().run(["delete", "namespace", PORTCULLIS]);
        expect((await configurations(cluster())).split("\n"), "they outlive the namespace").toHaveLength(2);
        await cluster().run(args);
      },
      { settled: false },
    );
    expect(load.failed, "control: without Pods, Fail is what it says").toBeGreaterThan(0);
    expect(await configurations(cluster())).toBe("");
    const after = await whileBusy(cluster(), "after the page's command", async () => {}, {
      settled: false,
      minCalls: 100,
    });
    expect([...after.load.failures]).toEqual([]);
    await cluster().run(["delete", "-k", writeKustomization(cluster(), "base"), "--ignore-not-found"]);
    await expectNothingLeft(cluster());
  });
});

/** The commands of the first indented block after `text`, one a line. */
function commandsAfter(text: string): readonly string[] {
  const [, block = ""] = /\n\n((?: {4}kubectl .*\n)+)/.exec(PAGE.slice(PAGE.indexOf(text))) ?? [];
  return block
    .split("\n")
    .map((line) => line.replace(/ +#.*$/, "").trim())
    .filter((line) => line !== "");
}
