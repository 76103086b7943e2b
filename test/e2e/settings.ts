/** What main.ts tells the tests, by environment variables: they run in processes of vitest's. */
import { type Amounts, FORMS, type FormName } from "./scenarios.ts";

export interface E2eSettings {
  /** Of an account that may do everything, by token. */
  readonly kubeconfigPath: string;
  readonly kubectl: string;
  /** Undefined where there is none; what needs it is then skipped. */
  readonly helm: string | undefined;
  /** The image to install, as the cluster pulls it. */
  readonly image: string;
  readonly form: FormName;
  /** For the table at the end, a JSON row a line. */
  readonly reportPath: string;
  /** Of the load: writes a second. */
  readonly ratePerSecond: number;
  /** Of the load over time; 0 for none. */
  readonly soakSeconds: number;
}

export function writeSettings(settings: E2eSettings): Record<string, string> {
  return { PORTCULLIS_E2E: JSON.stringify(settings) };
}

/** Undefined where the tests run by themselves, without main.ts and so without a cluster. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): E2eSettings | undefined {
  return env.PORTCULLIS_E2E === undefined ? undefined : (JSON.parse(env.PORTCULLIS_E2E) as E2eSettings);
}

export function amountsOf({ form }: E2eSettings): Amounts {
  return FORMS[form];
}
