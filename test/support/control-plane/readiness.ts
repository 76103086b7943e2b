/** Whether the components of a control plane do their work yet: questions that are asked until the answer is yes. */
import { get, type RequestOptions } from "node:https";
import type { Credentials, Endpoint } from "./kubectl.ts";

const REQUEST_LIMIT_MS = 5_000;

export async function isEtcdReady(clientPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const response = await fetch(`http://127.0.0.1:${clientPort}/readyz`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Asked before the server's CA is known: nothing secret is sent, and the answer is believed unseen. */
export function isApiServerReady(serverUrl: string): Promise<boolean> {
  return answersOk(`${serverUrl}/readyz`, { rejectUnauthorized: false });
}

/** True once the controllers run: without this ServiceAccount no Pod is admitted to the namespace default. */
export function hasDefaultServiceAccount({ serverUrl, caPem }: Endpoint, { token }: Credentials): Promise<boolean> {
  const url = `${serverUrl}/api/v1/namespaces/default/serviceaccounts/default`;
  return answersOk(url, { ca: caPem, headers: { authorization: `Bearer ${token}` } });
}

function answersOk(url: string, options: RequestOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { ...options, agent: false, timeout: REQUEST_LIMIT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}
