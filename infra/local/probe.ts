import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that takes the connection and says nothing is not ready. */
const ANSWER_MS = 2000;

/**
 * Asks until every URL has answered 200.
 * @returns false when the signal came first
 */
export async function untilReady(urls: readonly string[], everyMs: number, signal: AbortSignal): Promise<boolean> {
  const waiting = new Set(urls);
  for (;;) {
    for (const url of waiting) if (await answers(url, signal)) waiting.delete(url);
    if (signal.aborted) return false;
    if (waiting.size === 0) return true;
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A connection of its own for each question: one that stays open would hold up the end of the server. */
function answers(url: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const request = get(url, { agent: false, signal, timeout: ANSWER_MS }, (response) => {
      response.destroy();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => undefined);
    request.on('close', () => resolve(false));
  });
}
