/** The dashboard as Grafana reads it. No Grafana is at hand here: what it draws of it nobody has looked at. */
import { readSource } from "../meta/source-files.ts";

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: object }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

export const dashboard: Dashboard = JSON.parse(readSource("manifests/monitoring/dashboard.json"));

export interface Query {
  readonly panel: string;
  readonly expr: string;
}

/** With the variables that Grafana fills in as it would for a short time; the API server's are `apiServer`. */
export const queries: readonly Query[] = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ panel: title, expr })),
);

export function filledIn(expr: string, interval: string, range: string): string {
  return expr.replaceAll("$__rate_interval", interval).replaceAll("$__range", range);
}

export function isOfApiServer({ expr }: Query): boolean {
  return expr.includes("apiserver_") && !expr.includes("vector(0)");
}
