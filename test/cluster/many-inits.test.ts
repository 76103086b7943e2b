/** Proof: inits that run at once lose none of their CAs. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { readCertificates } from "../../src/tls/inspect.ts";
import { describeCluster } from "../support/cluster.ts";
import { type Installation, install, kubectlOrThrow } from "../support/installation.ts";

const INIT_COUNT = 30;
/** Processes side by side: enough to get in each other's way, and few enough for two cores. */
const PARALLEL_COUNT = 6;
const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

describeCluster("30 inits at once, against configurations that exist", (controlPlane) => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0" } });
  });
  afterAll(() => installation?.stop());

  const readBundles = async (kind: string): Promise<readonly string[][]> => {
    const { webhooks } = JSON.parse(await kubectlOrThrow(controlPlane(), ["get", kind, "portcullis", "-o", "json"]));
    return webhooks.map(({ clientConfig }: { readonly clientConfig: { readonly caBundle: string } }) =>
      readCertificates(Buffer.from(clientConfig.caBundle, "base64").toString()).certificates.map(
        ({ commonName }) => commonName,
      ),
    );
  };

  it("F-102: each finds its CA in every bundle at the end, and so do all others", async () => {
    const first = installation.startInit();
    expect(await first.init.exited).toMatchObject({ status: 0 });
    const uids = [first.uid];
    let conflicts = 0;
    const runSome = async (count: number): Promise<void> => {
      for (let number = 0; number < count; number++) {
        const { uid, init } = installation.startInit();
        const { status } = await init.exited;
        expect({ status, stderr: init.stderr() }).toEqual({ status: 0, stderr: "" });
        conflicts += init.stdout().split("was changed by somebody else").length - 1;
        uids.push(uid);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_COUNT }, () => runSome(INIT_COUNT / PARALLEL_COUNT)));

    const expected = uids.map((uid) => `portcullis-ca-${uid}`).sort();
    let bundleCount = 0;
    for (const kind of KINDS) {
      for (const bundle of await readBundles(kind)) {
        bundleCount++;
        expect([...bundle].sort()).toEqual(expected);
      }
    }
    expect(bundleCount).toBeGreaterThan(1);
    // Without a conflict nothing would have been at once.
    expect(conflicts).toBeGreaterThan(0);
    process.stdout.write(
      `  ${INIT_COUNT + 1} inits: as many CAs in each of ${bundleCount} bundles, ${conflicts} conflicts\n`,
    );
  });
});
