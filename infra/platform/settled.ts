import { setTimeout as sleep } from 'node:timers/promises';

import type { Prepared } from './preflight.ts';
import { type PartStatus, statusOf } from './status.ts';

export interface SettledOptions {
  /** @default a minute */
  readonly patienceMs?: number;
  readonly pauseMs?: number;
}

/**
 * Waits until the Gateways are in service. Not every provider of Pulumi goes by `pulumi.com/waitFor`, and a request right after `up` would
 * find nobody there.
 * @returns those that are not, after all patience
 */
export async function gatewaysInWait(
  prepared: Prepared,
  { patienceMs = 60_000, pauseMs = 500 }: SettledOptions = {},
): Promise<PartStatus[]> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const waiting = await gatewaysOf(prepared);
    if (waiting.length === 0 || Date.now() >= until) return waiting;
    await sleep(pauseMs);
  }
}

async function gatewaysOf({ settings, parts }: Prepared): Promise<PartStatus[]> {
  const gateways = parts.map((part) => ({ ...part, manifests: part.manifests.filter(({ kind }) => kind === 'Gateway') }));
  try {
    return (await statusOf(settings, gateways)).filter(({ ready }) => !ready);
  } catch {
    // What cannot be looked at is not waited for: Pulumi said that all is well.
    return [];
  }
}
