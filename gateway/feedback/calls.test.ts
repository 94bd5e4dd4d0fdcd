import { expect, it } from 'vitest';

import type { GatewayRequest } from '#core/serve/request';

import { TracedCalls } from './calls.ts';

const RULE = { route: { kind: 'AIGatewayRoute', namespace: 'shop', name: 'm' }, name: undefined, index: 2 };

function over(id: string, more: Partial<Over> = {}): GatewayRequest {
  const { clientId, spanId, traceId, counts, operation } = { ...CHAT, ...more };
  return {
    id,
    traceId,
    trace: { spanId, counts },
    endpoint: { operation },
    rule: RULE,
    identity: { clientId },
  } as unknown as GatewayRequest;
}

const CHAT: Over = { clientId: undefined, spanId: 's', traceId: 't', counts: true, operation: 'chat' };

interface Over {
  readonly clientId: string | undefined;
  readonly spanId: string;
  readonly traceId: string | undefined;
  readonly counts: boolean;
  readonly operation: string;
}

it('knows calls by id and client, the last one of a client where it uses an id again', () => {
  const calls = new TracedCalls();
  calls.add(over('r', { clientId: 'ann', spanId: 'first' }));
  calls.add(over('r', { clientId: 'bob', spanId: "bob's" }));
  calls.add(over('r', { spanId: "nobody's" }));
  calls.add(over('r', { clientId: 'ann', spanId: 'last' }));
  expect(calls.get('r', 'ann')).toEqual({ traceId: 't', spanId: 'last', clientId: 'ann', route: 'shop/m/rule/2' });
  expect(calls.get('r', 'bob')?.spanId).toBe("bob's");
  expect(calls.get('r', undefined)?.spanId).toBe("nobody's");
  expect(calls.get('r', 'eve')).toBeUndefined();
});

it('holds a bounded number, and the last ones', () => {
  const calls = new TracedCalls(3);
  for (const id of ['a', 'b', 'c', 'a', 'd']) calls.add(over(id));
  expect(calls.size).toBe(3);
  expect(['a', 'b', 'c', 'd'].map((id) => calls.get(id, undefined) !== undefined)).toEqual([true, false, true, true]);
  expect(new TracedCalls().size).toBe(0);
});

it('keeps what is exported and counts as a model call, and no endless names', () => {
  const calls = new TracedCalls();
  calls.add(over('not exported', { traceId: undefined }));
  calls.add(over('another’s', { counts: false }));
  calls.add(over('counter', { operation: 'count_tokens' }));
  calls.add(over('long', { clientId: 'x'.repeat(257) }));
  expect(calls.size).toBe(0);
  calls.add(over('embedding', { operation: 'embeddings' }));
  expect(calls.size).toBe(1);
});
