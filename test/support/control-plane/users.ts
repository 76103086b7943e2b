/** Who may talk to a control plane, and the files it knows them by. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { Files } from "./flags.ts";
import type { Credentials } from "./kubectl.ts";

export interface Users {
  /** In system:masters. */
  readonly admin: Credentials;
  /** In the group developers, which no binding names. */
  readonly dev: Credentials;
  /** What kube-controller-manager calls itself, bound by the API server to just what it needs. */
  readonly controllerManager: Credentials;
}

/** Makes up tokens and the key that ServiceAccounts' tokens are signed with, and writes what kube-apiserver reads. */
export function writeUsers(files: Files): Users {
  const { privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  writeFileSync(files.serviceAccountKey, privateKey);

  const users = {
    admin: makeCredentials("admin"),
    dev: makeCredentials("dev"),
    controllerManager: makeCredentials("system:kube-controller-manager"),
  };
  // token,user,uid,"groups"
  const lines = [
    `${users.admin.token},${users.admin.user},admin,"system:masters"`,
    `${users.dev.token},${users.dev.user},dev,"developers"`,
    `${users.controllerManager.token},${users.controllerManager.user},controller-manager`,
  ];
  writeFileSync(files.tokens, `${lines.join("\n")}\n`);
  return users;
}

function makeCredentials(user: string): Credentials {
  return { user, token: randomBytes(16).toString("hex") };
}
