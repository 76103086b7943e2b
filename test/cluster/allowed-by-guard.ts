/** What a token is good for: what its account is there for, and what somebody who steals it can still do with it. */
import type { Account } from "../support/accounts.ts";
import type { ApiRequest } from "../support/api-client.ts";
import {
  BUNDLE,
  createConfigMap,
  createMutating,
  deleteObject,
  forReal,
  OTHER_BUNDLE,
  patchObject,
  patchTemplate,
  patchWebhook,
  rulesOf,
  VALIDATE,
  VALIDATING,
} from "./stolen-token-requests.ts";

type Row = readonly [what: string, account: Account, request: ApiRequest];

const PROMOTION = patchObject({
  metadata: { annotations: { "portcullis.dev/pending-promotion": null } },
  webhooks: [{ name: VALIDATE.name, failurePolicy: "Fail" }],
});

/** In this order: some are carried out. */
export const ALLOWED: readonly Row[] = [
  ["init creates ours", "init", forReal(createMutating({}))],
  ["init merges a caBundle", "init", forReal(patchWebhook({ clientConfig: { caBundle: OTHER_BUNDLE } }))],
  ["init writes nothing", "init", patchObject({})],
  ["register promotes", "register", forReal(PROMOTION)],
  ["register changes rules", "register", patchWebhook(rulesOf({ operations: ["CREATE"] }))],
  [
    "register adds a webhook",
    "register",
    patchWebhook({
      ...VALIDATE,
      name: "00000000.validate.portcullis.dev",
      clientConfig: { ...VALIDATE.clientConfig, caBundle: OTHER_BUNDLE },
    }),
  ],
  ["register drops a webhook", "register", patchWebhook({ $patch: "delete" })],
  ["register tries the canary", "register", createConfigMap({ "portcullis.dev/canary": "true" })],
  [
    "rotate rolls the Deployment",
    "rotate",
    forReal(patchTemplate({ metadata: { annotations: { "portcullis.dev/rotated-at": "2026-01-01T00:00:00Z" } } })),
  ],
  [
    "rotate rolls it again",
    "rotate",
    forReal(patchTemplate({ metadata: { annotations: { "portcullis.dev/rotated-at": "2026-02-01T00:00:00Z" } } })),
  ],
  ["cleanup deletes ours", "cleanup", deleteObject(`${VALIDATING}/portcullis`)],
];

/** docs/threat-model.md tells of each. */
export const REMAINING: readonly Row[] = [
  [
    "put garbage or a foreign CA into a caBundle, as init",
    "init",
    patchWebhook({ clientConfig: { caBundle: BUNDLE } }),
  ],
  ["empty a caBundle, as init", "init", patchWebhook({ clientConfig: { caBundle: null } })],
  ["ask about nothing, as register", "register", patchWebhook({ rules: [] })],
  ["let calls fail open, as register", "register", patchWebhook({ failurePolicy: "Ignore" })],
  [
    "restart the Pods, as rotate",
    "rotate",
    patchTemplate({ metadata: { annotations: { "portcullis.dev/rotated-at": "now" } } }),
  ],
  ["delete our configurations, as cleanup", "cleanup", deleteObject(`${VALIDATING}/portcullis`)],
  ["see the names of all configurations, as cleanup", "cleanup", { method: "GET", path: VALIDATING }],
];
