/** docs/caller-authentication.md, with its commands run and its files written below a directory of a test's own. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { type ClientPair, createClientCa } from "../../support/client-certificates.ts";
import { ROOT, readSource } from "../source-files.ts";
import { fencedBlocks } from "./fenced-blocks.ts";

const blocks = fencedBlocks(readSource("docs/caller-authentication.md"));
const OPENSSL = blockWith("sh", "openssl");
const SET_CREDENTIALS = blockWith("sh", "set-credentials");
const ADMISSION = blockWith("yaml", "kind: AdmissionConfiguration");
const KUBEADM = blockWith("yaml", "kind: ClusterConfiguration");
const KUSTOMIZATION = blockWith("yaml", "kind: Kustomization");
/** Where the page has the files of the API server. */
const NODE_DIRECTORY = "/etc/kubernetes/pki/portcullis";
const USER = "portcullis.portcullis.svc";

/** Of the chart. */
export const VALUES = parse(blockWith("yaml", "extraEnv:"));
/** What the page's patch gives the Pods of the Deployment. */
export const PATCHED_POD = parse(parse(KUSTOMIZATION).patches[0].patch).spec.template.spec;

export const ALERT = blockWith("promql", "portcullis_callers_refused_total");
export const LOG_LINE = blockWith("json", '"level":"warn"');
export const REFUSED_BODY = blockWith("json", '"kind":"Status"').trimEnd();
export const SEEN_BY_USERS = blockWith("text", "Error from server");

export const hasOpenssl = /^OpenSSL 3/.test(String(spawnSync("openssl", ["version"]).stdout));

/** What the server's container has in the Deployment of the page's kustomization. */
export interface Overlay {
  readonly env: Readonly<Record<string, string>>;
  /** The paths of what is mounted where the CLIENT_CA_FILE is. */
  readonly mounted: readonly string[];
}

export interface PageFiles {
  /** As the API server gets them with the page's configuration of kubeadm. */
  readonly apiServerFlags: readonly string[];
  /** `admission.yaml` as some have it already, without the page's plugins. */
  writeOtherAdmission(): void;
  writeAdmission(): void;
  /** A directory with `ca.crt`, `client.crt` and `client.key`, by the page's commands where there is OpenSSL. */
  makeCertificates(name: string): string;
  /** `port`: of the Service, where the name has to end with it. */
  writeKubeconfig(certificates: string, port?: number): void;
  renderOverlay(certificates: string): Overlay;
}

/** `kubectl`: the directory that has it. */
export function pageFilesIn(directory: string, kubectl: string): PageFiles {
  const local = (words: string) => words.replaceAll(NODE_DIRECTORY, directory);
  const admissionPath = join(directory, "admission.yaml");

  function run(command: string, cwd: string): string {
    const env = { PATH: `${kubectl}:${process.env.PATH}`, HOME: directory, LC_ALL: "C" };
    const { status, stdout, stderr } = spawnSync("bash", ["-c", command], { cwd, env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${command}: status ${status}: ${stderr}`);
    return stdout;
  }

  return {
    apiServerFlags: parse(local(KUBEADM)).apiServer.extraArgs.map(({ name, value }: Named) => `--${name}=${value}`),
    writeOtherAdmission: () => writeFileSync(admissionPath, JSON.stringify({ ...parse(ADMISSION), plugins: [] })),
    writeAdmission: () => writeFileSync(admissionPath, local(ADMISSION)),
    makeCertificates(name) {
      const made = join(directory, name);
      mkdirSync(made);
      if (hasOpenssl) run(OPENSSL, made);
      else writeCertificates(made);
      return made;
    },
    writeKubeconfig(certificates, port) {
      const command = port === undefined ? SET_CREDENTIALS : SET_CREDENTIALS.replace(USER, `${USER}:${port}`);
      run(command, certificates);
      renameSync(join(certificates, "kubeconfig.yaml"), join(directory, "kubeconfig.yaml"));
    },
    renderOverlay(certificates) {
      const overlay = join(directory, "overlay");
      cpSync(join(ROOT, "manifests"), join(directory, "manifests"), { recursive: true });
      mkdirSync(overlay);
      writeFileSync(join(overlay, "kustomization.yaml"), KUSTOMIZATION);
      cpSync(join(certificates, "ca.crt"), join(overlay, "ca.crt"));
      return overlayOf(parseAllDocuments(run("kubectl kustomize .", overlay)).map((document) => document.toJS()));
    },
  };
}

/** Manifests are read as they are; what they lack fails where it is used. */
// biome-ignore lint/suspicious/noExplicitAny: as in installation.ts
type Manifest = any;
interface Named {
  readonly name: string;
  readonly value: string;
}

function overlayOf(objects: readonly Manifest[]): Overlay {
  const { containers, volumes } = objects.find(({ kind }) => kind === "Deployment").spec.template.spec;
  const server = containers.find(({ name }: Named) => name === "server");
  const env = Object.fromEntries(server.env.map(({ name, value }: Named) => [name, value]));
  const mount = server.volumeMounts.find((each: Manifest) => each.mountPath === dirname(env.CLIENT_CA_FILE));
  const { configMap } = volumes.find(({ name }: Named) => name === mount.name);
  const { data } = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap.name);
  return { env, mounted: Object.keys(data).map((key) => join(mount.mountPath, key)) };
}

function writeCertificates(made: string): void {
  const ca = createClientCa();
  const { certPem, keyPem } = ca.issue("kube-apiserver");
  const files = { "ca.crt": ca.caPem, "client.crt": certPem, "client.key": keyPem };
  for (const [file, pem] of Object.entries(files)) writeFileSync(join(made, file), pem);
}

export function pairIn(certificates: string): ClientPair {
  const read = (file: string) => readFileSync(join(certificates, file), "utf8");
  return { certPem: read("client.crt"), keyPem: read("client.key") };
}

/** The page's one block of a language with these words. */
function blockWith(language: string, words: string): string {
  const found = blocks.filter((block) => block.language === language && block.text.includes(words));
  if (found.length !== 1) throw new Error(`the page has ${found.length} blocks of ${language} with ${words}`);
  return found[0]?.text ?? "";
}
