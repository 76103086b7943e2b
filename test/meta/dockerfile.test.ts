/** What the Dockerfile claims, as far as reading it can tell; test/e2e/image.test.ts looks into the image. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { INIT_SETTINGS, SERVER_SETTINGS } from "../../src/settings.ts";
import { bundlesInImage, dockerfile, parseDockerfile, type Stage, valuesOf } from "./dockerfile.ts";
import { ROOT, readSource } from "./source-files.ts";

const manifest = JSON.parse(readSource("package.json"));
const { preamble, stages } = dockerfile;
const final = stages.at(-1) as Stage;
const before = stages.slice(0, -1);

/** Its default values by name. */
function argumentsOf(instructions: Pick<Stage, "instructions">): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(valuesOf("ARG", instructions).map((value) => value.split(/=(.*)/s, 2)));
}

describe("the bases", () => {
  test("are one image, given by an argument, and nothing", () => {
    expect(argumentsOf({ instructions: preamble })).toEqual({ NODE_IMAGE: "node:24-bookworm-slim" });
    const bases = before.map(({ from }) => from.replace(/^--platform=\S+ /, ""));
    expect(new Set(bases)).toEqual(new Set(["$" + "{NODE_IMAGE}"]));
    expect(final.from).toBe("scratch");
  });

  test("have the major version of Node that everything is tested with", () => {
    expect(manifest.devDependencies.node).toMatch(/^24\./);
  });

  test("of the target's platform run nothing", () => {
    const ofTarget = before.filter(({ from }) => !from.startsWith("--platform=$" + "{BUILDPLATFORM} "));
    expect(ofTarget.map(({ name }) => name)).toEqual(["target"]);
    expect(ofTarget.flatMap((stage) => valuesOf("RUN", stage))).toEqual([]);
  });
});

describe("the build", () => {
  const commands = before.flatMap((stage) => valuesOf("RUN", stage));

  test("takes from the network what the lock file names, and no more", () => {
    expect(commands.filter((command) => command.startsWith("npm "))).toEqual(["npm ci"]);
    expect(commands.join("\n")).not.toMatch(/\b(curl|wget|git|apt|apt-get|apk|npx|npm (install|i|add|exec)|https?:)\b/);
    expect(stages.flatMap((stage) => valuesOf("ADD", stage))).toEqual([]);
  });

  test("is plain syntax, for buildah and for docker", () => {
    expect(commands.join("\n")).not.toContain("--mount");
    expect(readSource("Dockerfile")).not.toMatch(/<<|--link|^# *syntax=/m);
  });

  test("fails when one of its commands does", () => {
    for (const command of commands.filter((command) => command.includes(";"))) {
      expect(command).toMatch(/^set -eu; /);
    }
  });

  test("is given nothing of this folder but what it copies, and all of that is there", () => {
    const copied = before.flatMap((stage) => valuesOf("COPY", stage)).filter((value) => !value.startsWith("--from="));
    const sources = copied.flatMap((value) => value.split(" ").slice(0, -1));
    const [first, ...allowed] = readSource(".dockerignore").trim().split("\n");
    expect(first).toBe("*");
    expect(allowed.sort()).toEqual(sources.map((source) => `!${source}`).sort());
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
  });
});

describe("the image", () => {
  test("has every bundle that `npm run build` makes, and no other", () => {
    const directory = mkdtempSync(join(tmpdir(), "portcullis-dockerfile-"));
    try {
      const flags = ["run", "--silent", "build", "--", `--outdir=${directory}`];
      execFileSync("npm", flags, { cwd: ROOT, stdio: "pipe" });
      expect([...bundlesInImage()].sort()).toEqual(readdirSync(directory).sort());
    } finally {
      rmSync(directory, { recursive: true });
    }
  }, 120_000);

  test("is copied together from the stages; nothing runs in it, for there is no shell", () => {
    expect(valuesOf("RUN", final)).toEqual([]);
    for (const value of valuesOf("COPY", final)) expect(value).toMatch(/^--from=(build|runtime) \//);
  });

  test("runs as nobody in particular, by number, as runAsNonRoot wants it", () => {
    expect(valuesOf("USER", final)).toEqual(["65532:65532"]);
  });

  test("starts node by its path, without a shell, and the server if it isn't told otherwise", () => {
    expect(valuesOf("ENTRYPOINT", final).map((value) => JSON.parse(value))).toEqual([["/usr/local/bin/node"]]);
    expect(valuesOf("CMD", final).map((value) => JSON.parse(value))).toEqual([["/app/server.mjs"]]);
  });

  test("keeps no variable of the build", () => {
    expect(valuesOf("ENV", final)).toEqual(["NODE_ENV=production"]);
  });

  test("is told what its labels say, and nothing that is secret", () => {
    const labels = ["VERSION", "REVISION", "CREATED", "SOURCE"];
    expect(Object.keys(argumentsOf(final))).toEqual(labels);
    const inBuild = before.flatMap((stage) => Object.keys(argumentsOf(stage)));
    expect(new Set(inBuild)).toEqual(new Set(["NPM_CONFIG_REGISTRY", "SOURCE_DATE_EPOCH"]));
  });

  test("has the labels of OCI, and in them what package.json says", () => {
    const pairs = valuesOf("LABEL", final)
      .join(" ")
      .matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g);
    expect(Object.fromEntries([...pairs].map(([, name, value]) => [name, value]))).toEqual({
      title: manifest.name,
      description: manifest.description.replace(/^A /, ""),
      licenses: manifest.license,
      version: "$" + "{VERSION}",
      revision: "$" + "{REVISION}",
      created: "$" + "{CREATED}",
      source: "$" + "{SOURCE}",
    });
    expect(argumentsOf(final).VERSION).toBe(manifest.version);
  });

  test("names the ports that the programs listen on", () => {
    const { PORT, HEALTH_PORT } = SERVER_SETTINGS.properties;
    const { KEEPER_PORT } = INIT_SETTINGS.properties;
    const ports = [PORT, HEALTH_PORT, KEEPER_PORT].map((setting) => setting.default);
    expect(valuesOf("EXPOSE", final)).toEqual([ports.join(" ")]);
  });
});

test("docs/image.md has every build argument with its default", () => {
  const rows = readSource("docs/image.md").matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`|npm's own) \|/gm);
  const inDockerfile = [preamble, ...stages.map(({ instructions }) => instructions)];
  expect(Object.fromEntries([...rows].map(([, name, value = ""]) => [name, value]))).toEqual(
    Object.assign({}, ...inDockerfile.map((instructions) => argumentsOf({ instructions }))),
  );
});

test("control: continued lines, comments between them and stages without a name are understood", () => {
  const text = "# a\nARG A=1\nFROM x AS y\nRUN b \\\n  # c\n  d\nFROM --platform=p z\nUSER 1\n";
  expect(parseDockerfile(text)).toEqual({
    preamble: [{ name: "ARG", value: "A=1" }],
    stages: [
      { from: "x", name: "y", instructions: [{ name: "RUN", value: "b d" }] },
      { from: "--platform=p z", name: undefined, instructions: [{ name: "USER", value: "1" }] },
    ],
  });
});
