/** Raw requests to the API server: quicker than a kubectl for each, and with the Status as it comes. */

import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";
import type { ControlPlane } from "./control-plane/start.ts";

export interface ApiAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever kind the API server answers with
  readonly body: any;
  readonly warnings: readonly string[];
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly contentType?: string;
  /** Asked as this user, with admin's rights. */
  readonly asUser?: string;
}

export interface ApiClient {
  send(request: ApiRequest): Promise<ApiAnswer>;
  close(): void;
}

export function createApiClient({ serverUrl, caPem, kubeconfigPath }: ControlPlane): ApiClient {
  const { token } = parse(readFileSync(kubeconfigPath, "utf8")).users[0].user;
  const agent = new Agent({ keepAlive: true, ca: caPem });
  return {
    close: () => agent.destroy(),
    send: ({ method, path, body, contentType = "application/json", asUser }) =>
      new Promise((resolve, reject) => {
        const headers: Record<string, string> = { Authorization: `Bearer ${token}`, "Content-Type": contentType };
        if (asUser !== undefined) {
          headers["Impersonate-User"] = asUser;
          headers["Impersonate-Group"] = "system:masters";
        }
        const outgoing = request(`${serverUrl}${path}`, { method, agent, headers }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => {
            // `299 - "text"`, several in one header line or several lines.
            const warnings = [...String(response.headers.warning ?? "").matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)];
            resolve({
              status: response.statusCode ?? 0,
              body: JSON.parse(text),
              warnings: warnings.map(([, warning = ""]) => warning.replaceAll(/\\(.)/g, "$1")),
            });
          });
        });
        outgoing.once("error", reject);
        outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      }),
  };
}

/** `deployments.apps` of a namespace, as a path of the API. Versions are those that the rules know. */
export function pathOf(resource: string, namespace: string): string {
  const [plural = "", group = ""] = resource.split(/\.(.*)/s);
  const root = group === "" ? "/api/v1" : `/apis/${group}/v1`;
  return resource === "namespaces" ? `${root}/namespaces` : `${root}/namespaces/${namespace}/${plural}`;
}
