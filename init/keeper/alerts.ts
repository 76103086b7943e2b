/** The server's count of clients that don't trust its certificate: the quickest sign that our CA is missing somewhere. */
import { get } from "node:http";
import { text } from "node:stream/consumers";

/** The server is in the same Pod. */
const TIMEOUT_MS = 1000;
const DISTRUST =
  /^portcullis_tls_client_errors_total\{alert="(?:bad_certificate|unknown_ca|certificate_unknown)"\} (\d+)$/gm;

/**
 * Each call says whether the count has grown since the one before. A server that doesn't answer counts as no growth; one
 * that has started again, as one that began at 0.
 */
export function createAlertWatch(metricsUrl: string): () => Promise<boolean> {
  let latest = 0;
  return async () => {
    const count = await readCount(metricsUrl);
    if (count === undefined) return false;
    const grown = count > (count < latest ? 0 : latest);
    latest = count;
    return grown;
  };
}

async function readCount(url: string): Promise<number | undefined> {
  try {
    const metrics = await readText(url);
    return [...metrics.matchAll(DISTRUST)].reduce((sum, [, count]) => sum + Number(count), 0);
  } catch {
    return undefined;
  }
}

function readText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      text(response).then(resolve, reject);
    });
    request.once("error", reject);
  });
}
