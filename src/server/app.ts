import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import type { Registry } from "prom-client";
import { admissionPathOf } from "./admission-path.ts";
import { type AdmissionContext, admit, refuseCaller } from "./admit.ts";
import { sendFailure, statusJson } from "./send.ts";

/** Not `*`, a URL or `//host`, with which express would use a parser of Node's that warns on stderr. */
const IS_PATH = /^\/(?!\/)/;

/**
 * The HTTPS port. Reviews go straight to `admit`; express answers everything else, which is nobody's business here: the
 * port can be reached by every Pod, so it gives nothing away.
 */
export function createAdmissionListener(context: AdmissionContext): RequestListener {
  const app = createApp();
  app.use((request, response) => {
    const isOurs = admissionPathOf(request.url) !== undefined;
    if (isOurs) response.set("Allow", "POST");
    sendStatus(response, isOurs ? 405 : 404);
  });
  app.use(answerError);
  return (request: IncomingMessage, response: ServerResponse) => {
    const refusal = context.checkCaller?.(request.socket);
    if (refusal !== undefined) return refuseCaller(context, refusal, request, response);
    const { method, url = "" } = request;
    const path = method === "POST" ? admissionPathOf(url) : undefined;
    if (path) admit(context, path, request, response);
    else if (IS_PATH.test(url)) app(request, response);
    else sendFailure(request, response, { status: 404, message: "not found", close: false });
  };
}

/** Why the Pod must get no traffic; empty when it may. */
export type Unready = () => readonly string[];

/** What a person should know and the Pod can serve with; lines of /readyz that don't change its status. */
export type Notes = () => readonly string[];

/** The health port, plain HTTP: the kubelet's probes and Prometheus, away from the load of reviews. */
export function createHealthListener(unready: Unready, registry: Registry, notes: Notes = () => []): RequestListener {
  const app = createApp();
  app.get("/healthz", (_request, response) => {
    response.type("text/plain").send("ok\n");
  });
  app.get("/readyz", (_request, response) => {
    const reasons = unready();
    const lines = [
      ...(reasons.length === 0 ? ["ok"] : reasons.map((reason) => `not ready: ${reason}`)),
      ...notes().map((note) => `note: ${note}`),
    ];
    response.status(reasons.length === 0 ? 200 : 503).type("text/plain");
    response.send(`${lines.join("\n")}\n`);
  });
  app.get("/metrics", async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  app.use((_request, response) => sendStatus(response, 404));
  app.use(answerError);
  return app;
}

function createApp(): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.enable("strict routing");
  app.enable("case sensitive routing");
  return app;
}

/** express would show a stack, and knows an error by four parameters. */
function answerError(_error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  sendStatus(response, 400);
}

const REASONS: Readonly<Record<number, string>> = { 400: "bad request", 404: "not found", 405: "method not allowed" };

function sendStatus(response: Response, code: number): void {
  response
    .status(code)
    .type("application/json")
    .send(statusJson(code, REASONS[code] ?? "error"));
}
