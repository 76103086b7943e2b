/**
 * Metadata and Pod specs that a real API server admits, however odd: they have few names, keys and values, so that what the
 * rules look for is often there and often isn't.
 */
import fc from "fast-check";
import type { ObjectMeta, StringMap } from "../../src/kube/objects.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** One of them, as often as the number before it says. */
export function weighted<T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

const VELERO_ANNOTATIONS = [
  "backup.velero.io/backup-volumes",
  "backup.velero.io/backup-volumes-excludes",
  "portcullis.dev/backup-volumes",
  "pre.hook.backup.velero.io/command",
  "pre.hook.backup.velero.io/timeout",
  "hook.backup.velero.io/command",
  "post.hook.restore.velero.io/exec-timeout",
  "init.hook.restore.velero.io/container-image",
];

const labels = weighted(
  [4, mapOf(["app", "team", "app.kubernetes.io/name", "constructor"], ["web", "web", "blog", ""])],
  [1, mapOf(["app", "velero.io/exclude-from-backup", "backup.velero.io/backup-volumes"], ["true", "data"])],
);
const annotations = weighted(
  [4, mapOf(["helm.sh/hook", "portcullis.dev/backup-volumes", "example.org/velero.io"], ["generated", ""])],
  [1, mapOf(VELERO_ANNOTATIONS, ["data", " data,logs", "claim", "", '["sync"]', "sync", "30"])],
);
export const metadata: fc.Arbitrary<ObjectMeta> = fc.record({ labels, annotations }) as fc.Arbitrary<ObjectMeta>;

/** Now and then there is no map at all, and sometimes one with nothing in it. */
function mapOf(keys: readonly string[], values: readonly string[]): fc.Arbitrary<StringMap | undefined> {
  const map = fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(...values), { noNullPrototype: true });
  return weighted<StringMap | undefined>([4, map], [1, fc.constant(undefined)]);
}

export const CLAIM_SPEC = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };

interface Volume {
  readonly name: string;
  readonly source: Fields;
  readonly use: "containers" | "initContainers" | "device" | "nothing";
}

const claim = fc.constant<Fields>({ persistentVolumeClaim: { claimName: "claim" } });
const notAClaim = fc.constantFrom<Fields>(
  { emptyDir: {} },
  { emptyDir: { medium: "Memory" } },
  { hostPath: { path: "/" } },
  { configMap: { name: "settings" } },
  { ephemeral: { volumeClaimTemplate: { spec: CLAIM_SPEC } } },
  // The API server makes an emptyDir of it.
  {},
);
const volumes: fc.Arbitrary<Volume[]> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("data", "logs", "default-token-x"),
    source: weighted([1, claim], [2, notAClaim]),
    use: fc.constantFrom<Volume["use"]>("containers", "containers", "initContainers", "device", "nothing"),
  }),
  { selector: ({ name }) => name, maxLength: 2 },
);

const names = fc.constantFrom("DB_PASSWORD", "MINIO_ROOT_USER", "TOKEN_FILE", "URL", "COLOR");
const values = fc.constantFrom(
  "",
  "true",
  "blue",
  "hunter2",
  "postgres://a:hunter2@b/c",
  "-----BEGIN PRIVATE KEY-----",
);
const fromField = fc.constant({ fieldRef: { fieldPath: "metadata.name" } });
const variable = weighted<Fields>(
  [3, fc.record({ name: names, valueFrom: fromField })],
  [1, fc.record({ name: names, value: values })],
);
const env = weighted<Fields[]>(
  [12, fc.array(variable, { maxLength: 2 })],
  // As many as are looked at, and more.
  [1, fc.constantFrom(100, 101).map((length) => Array.from({ length }, () => ({ name: "COLOR" })))],
);

/** `claimTemplates`: names of volumes that a StatefulSet gives its Pods; they take the place of its own. */
export function podSpecWith(claimTemplates: readonly string[] = []): fc.Arbitrary<Fields> {
  const isFromTemplate = ({ name }: Volume) => claimTemplates.includes(name);
  return fc
    .record({ volumes, envs, initEnvs: fc.array(env, { maxLength: 2 }), mounted: fc.subarray([...claimTemplates]) })
    .map(({ volumes: declared, envs, initEnvs, mounted }) => {
      const own = declared.filter((volume) => !isFromTemplate(volume));
      const used = [...own, ...mounted.map((name): Volume => ({ name, source: {}, use: "containers" }))];
      return {
        containers: envs.map((list, index) => containerOf("containers", index, list, used)),
        initContainers: initEnvs.map((list, index) => containerOf("initContainers", index, list, used)),
        volumes: own.map(({ name, source }) => ({ name, ...source })),
      };
    });
}

const envs = weighted<Fields[][]>(
  [20, fc.array(env, { minLength: 1, maxLength: 2 })],
  [1, fc.constantFrom(20, 21).map((length) => Array.from({ length }, () => []))],
);

function containerOf(
  field: "containers" | "initContainers",
  index: number,
  env: readonly Fields[],
  volumes: readonly Volume[],
) {
  const isDevice = ({ source, use }: Volume) => use === "device" && Object.hasOwn(source, "persistentVolumeClaim");
  return {
    name: `${field.toLowerCase()}-${index}`,
    image: "example.com/generated:1",
    env,
    volumeMounts: volumes.filter(({ use }) => use === field).map(({ name }) => ({ name, mountPath: `/mnt/${name}` })),
    volumeDevices: volumes.filter(isDevice).map(({ name }) => ({ name, devicePath: `/dev/${name}` })),
  };
}
