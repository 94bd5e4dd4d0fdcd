import { expect, expectTypeOf, test } from 'vitest';

import type { Outcome } from '#core/attempt/call';
import type { Cost } from '#core/money/cost';
import type { AiTarget } from '#core/providers/target';
import type { GatewayRequest } from '#core/serve/request';

import { type LedgerRow, type RowFacts, rowOf, type RowOutcome, type RowPriced, type RowRequest } from './row.ts';

const REQUEST: RowRequest = {
  id: 'r-1',
  startTime: Date.parse('2026-01-31T09:30:00.123Z'),
  stream: true,
  model: 'fast',
  identity: { clientId: 'team-a' },
  endpoint: { operation: 'chat' },
  rule: { route: { namespace: 'default', name: 'models' } },
  reply: { status: 200 },
};

function attempt(name: string, modelOverride?: string) {
  return { target: { backend: { name }, modelOverride } };
}

const OUTCOME: RowOutcome = {
  status: 200,
  complete: true,
  clientGone: false,
  attempts: [attempt('default/azure'), attempt('default/openai', 'gpt-4o')],
  facts: { model: 'gpt-4o-2024-08-06' },
};

const NONE = { cachedInput: undefined, cacheCreation: undefined, reasoning: undefined };

const FACTS: RowFacts = {
  request: REQUEST,
  outcome: OUTCOME,
  usage: { ...NONE, input: 1000, cachedInput: 100, output: 50, reasoning: 20, total: 1050, source: 'reported' },
  cost: {
    nanos: 2_900_000,
    currency: 'USD',
    entry: 'default/list/gpt-4o',
    parts: [
      { kind: 'input', nanos: 2_400_000 },
      { kind: 'output', nanos: 500_000 },
    ],
  },
  budgets: [{ id: 'default/team-a-month', units: 2_900_000 }],
  receipt: { result: 'mismatch', input: 1000, output: 51 },
};

const written = (facts: RowFacts): unknown => JSON.parse(JSON.stringify(rowOf(facts)));

test('a row says what a request used and cost', () => {
  expect(written(FACTS)).toEqual({
    v: 1,
    time: '2026-01-31T09:30:00.123Z',
    request_id: 'r-1',
    client_id: 'team-a',
    model: 'fast',
    backend_model: 'gpt-4o',
    response_model: 'gpt-4o-2024-08-06',
    backend: 'default/openai',
    route: 'default/models',
    operation: 'chat',
    stream: true,
    status: 200,
    complete: true,
    client_gone: false,
    attempts: 2,
    tokens: { input: 1000, cached_input: 100, output: 50, reasoning: 20, total: 1050 },
    provenance: 'reported',
    price: 'default/list/gpt-4o',
    cost: { nanos: 2_900_000, currency: 'USD', parts: { input: 2_400_000, output: 500_000 } },
    budgets: [{ id: 'default/team-a-month', units: 2_900_000 }],
    receipt: { result: 'mismatch', input: 1000, output: 51 },
  });
});

test('what is unknown is absent, not 0', () => {
  const request = { ...REQUEST, model: undefined, identity: { clientId: undefined }, endpoint: undefined, rule: undefined };
  expect(written({ request: { ...request, reply: { status: 503 } }, outcome: undefined, usage: undefined })).toEqual({
    v: 1,
    time: '2026-01-31T09:30:00.123Z',
    request_id: 'r-1',
    stream: true,
    status: 503,
    complete: false,
    client_gone: false,
    attempts: 0,
    provenance: 'none',
    price: 'none',
  });
  const usage = { ...NONE, input: 0, output: undefined, total: undefined, source: 'estimated' } as const;
  expect(written({ ...FACTS, usage, cost: undefined })).toMatchObject({ tokens: { input: 0 }, provenance: 'estimated', price: 'none' });
});

test('names from outside have an end', () => {
  const long = 'm'.repeat(100_000);
  const facts: RowFacts = {
    ...FACTS,
    request: { ...REQUEST, model: long, identity: { clientId: long } },
    outcome: { ...OUTCOME, attempts: [attempt('default/a')], facts: { model: long } },
  };
  expect(JSON.stringify(rowOf(facts)).length).toBeLessThan(2000);
});

const CANARY = { configurable: true, enumerable: true, value: 'CANARY' };

/** Anything may be asked of it, and all is the canary. */
function canary(): unknown {
  return new Proxy(() => undefined, {
    get: (_target, name) => (name === Symbol.toPrimitive || name === 'toString' || name === 'toJSON' ? () => 'CANARY' : canary()),
    apply: () => canary(),
    ownKeys: () => ['canary'],
    getOwnPropertyDescriptor: () => CANARY,
  });
}

/** An object whose every other field, on every level, is a canary: as a real request has far more than a row takes. */
function amongCanaries(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(amongCanaries);
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, name) => (Reflect.has(target, name) ? amongCanaries(Reflect.get(target, name)) : canary()),
    ownKeys: (target) => [...Reflect.ownKeys(target), 'canary'],
    getOwnPropertyDescriptor: (target, name) => Reflect.getOwnPropertyDescriptor(target, name) ?? CANARY,
  });
}

test('nothing else of a request, its outcome and its cost can get into a row', () => {
  const facts: RowFacts = {
    ...FACTS,
    request: amongCanaries(REQUEST) as RowRequest,
    outcome: amongCanaries(OUTCOME) as RowOutcome,
    cost: amongCanaries(FACTS.cost) as RowPriced,
  };
  expect(JSON.stringify([(facts.request as unknown as GatewayRequest).headers])).toBe('["CANARY"]');
  expect(JSON.stringify([{ ...facts.request }, { ...facts.outcome }])).toContain('CANARY');
  expect(JSON.stringify(rowOf(facts))).not.toContain('CANARY');
  expect(written(facts)).toEqual(written(FACTS));
});

test('types: a row takes the real request, and no field of it leads to a header or a body', () => {
  expectTypeOf<GatewayRequest>().toExtend<RowRequest>();
  expectTypeOf<Outcome<AiTarget>>().toExtend<RowOutcome>();
  expectTypeOf<Cost>().toExtend<RowPriced>();
  expectTypeOf<keyof RowRequest>().toEqualTypeOf<'id' | 'startTime' | 'stream' | 'model' | 'identity' | 'endpoint' | 'rule' | 'reply'>();
  expectTypeOf<keyof RowRequest['reply']>().toEqualTypeOf<'status'>();
  expectTypeOf<keyof RowRequest['identity']>().toEqualTypeOf<'clientId'>();
  expectTypeOf<keyof RowOutcome['facts']>().toEqualTypeOf<'model'>();
  expectTypeOf<Extract<keyof LedgerRow, 'headers' | 'body' | 'path' | 'query' | 'error' | 'details'>>().toBeNever();
});
