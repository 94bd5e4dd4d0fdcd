// For tests: what a test starts, ends with it.
import { afterEach } from 'vitest';

import { startMcp } from './mcp.fixture.ts';
import { scripted } from './scripted.fixture.ts';

interface Closable {
  close(): unknown;
}

const opened: Closable[] = [];

/** To be called once by a test file: after each test, what it opened is closed, the last first. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });
}

/** Hands on what is started. */
export async function opening<T extends Closable>(starting: T | Promise<T>): Promise<T> {
  const started = await starting;
  opened.push(started);
  return started;
}

/** A scripted server. */
export function server(...args: Parameters<typeof scripted>): ReturnType<typeof scripted> {
  return opening(scripted(...args));
}

/** A gateway before such servers. */
export async function gateway(
  ...args: Parameters<typeof startMcp>
): Promise<Awaited<ReturnType<typeof startMcp>> & { readonly mcp: string }> {
  const made = await opening(startMcp(...args));
  return { ...made, mcp: `${made.url}/mcp` };
}
