import { Duplex, duplexPair } from 'node:stream';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Tunnel, type TunnelEnd } from './tunnel.ts';

/** A tunnel between two pairs, of which the test holds the far ends. */
function tunnel(idleMs = 1000) {
  const [client, near] = duplexPair();
  const [backend, far] = duplexPair();
  const ends: TunnelEnd[] = [];
  Tunnel.between(near, far, (end) => void ends.push(end), idleMs);
  return { client, backend, ends };
}

async function heard(side: Duplex): Promise<string> {
  let text = '';
  for await (const chunk of side) text += String(chunk);
  return text;
}

const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

it('ends once, when both sides have ended', async () => {
  const { client, backend, ends } = tunnel();
  backend.write('from the backend');
  backend.end();
  expect(await heard(client)).toBe('from the backend');
  expect(ends).toEqual([]);
  client.end('from the client');
  expect(await heard(backend)).toBe('from the client');
  await settled();
  expect(ends).toEqual([{ sent: 16, received: 15, complete: true, clientGone: false, failure: undefined }]);
});

it.each([
  ['client', { clientGone: true, failure: undefined }],
  ['backend', { clientGone: false, failure: { reason: 'truncated', message: 'the connection to the backend broke off' } }],
] as const)('says that the %s broke off', async (side, expected) => {
  const sides = { client: Duplex.from(duplexPair()[0]), backend: Duplex.from(duplexPair()[0]) };
  const ends: TunnelEnd[] = [];
  Tunnel.between(sides.client, sides.backend, (end) => void ends.push(end));
  sides[side].destroy(new Error('broken'));
  await settled();
  await settled();
  expect(ends).toMatchObject([{ complete: false, ...expected }]);
  expect([sides.client.destroyed, sides.backend.destroyed]).toEqual([true, true]);
});

it('cuts the other side of one that had gone before', async () => {
  const [gone] = duplexPair();
  gone.destroy();
  const [other] = duplexPair();
  const ends: TunnelEnd[] = [];
  Tunnel.between(gone, other, (end) => void ends.push(end));
  await settled();
  expect([other.destroyed, ends.length]).toEqual([true, 1]);
});

describe('silence', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('in both directions ends it; a byte in one of them keeps it', async () => {
    const { client, backend, ends } = tunnel(1000);
    for (const side of [client, backend, client]) {
      vi.advanceTimersByTime(999);
      side.write('x');
      await settled();
    }
    vi.advanceTimersByTime(999);
    await settled();
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    await settled();
    expect(ends).toMatchObject([{ complete: false, clientGone: false, failure: { reason: 'idle' } }]);
  });
});
