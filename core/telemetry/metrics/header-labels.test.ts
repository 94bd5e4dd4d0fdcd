import { describe, expect, it } from 'vitest';

import type { GatewayRequest } from '../../serve/request.ts';
import { Metrics } from '../metrics.ts';
import { headerLabels } from './header-labels.ts';

const ALL = 'OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES';
const OWN = 'OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES';

const of = (env: Record<string, string>) => headerLabels(env, (problem) => expect.fail(problem));

describe('headers become labels', () => {
  it('none where nothing is set', () => expect(of({ OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES: 'x:y' })).toEqual([]));

  it('by both settings, the own one first, and never the session', () => {
    expect(of({ [ALL]: 'X-Tenant-Id:tenant.id,x-team:team,agent-session-id:session.id', [OWN]: 'x-team:team.name' })).toEqual([
      { header: 'x-tenant-id', attribute: 'tenant.id', label: 'tenant_id' },
      { header: 'x-team', attribute: 'team.name', label: 'team_name' },
    ]);
  });

  it.each([
    [{ [OWN]: 'agent-session-id:session.id' }, 'a new value for each conversation'],
    [{ [OWN]: 'authorization:who' }, 'carries a credential, which no metric may have'],
    [{ [ALL]: 'x-my-token:who' }, 'carries a credential'],
    [{ [OWN]: 'x-model:gen_ai.request.model' }, 'would be the label gen_ai_request_model, which these metrics have already'],
    [{ [ALL]: 'x-error:error.type' }, `${ALL}: "error.type" would be`],
    [{ [OWN]: 'x-le:le' }, 'the label le'],
    [{ [OWN]: 'x-a:tenant.id,x-b:tenant_id' }, 'x-a and x-b would both be the label tenant_id'],
    [{ [OWN]: 'x-a:1st' }, 'cannot be the name of a label'],
    [{ [OWN]: 'x-a:__name__' }, 'cannot be the name of a label'],
    [{ [OWN]: 'x-a' }, 'header:attribute'],
  ])('%j cannot be meant', (env, message) => {
    const problems: string[] = [];
    headerLabels(env, (problem) => problems.push(problem));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});

interface Told {
  readonly headers?: Record<string, string>;
  readonly set?: readonly string[];
  readonly owns?: readonly string[];
  readonly status?: number;
}

/** A chat that has ended. */
function chat({ headers = {}, set = [], owns = [], status = 200 }: Told): GatewayRequest {
  return {
    headers,
    identity: { clientId: undefined, headers: set },
    rule: { ai: true, security: { sets: new Set(owns) } },
    endpoint: { operation: 'chat' },
    model: 'm',
    startedAt: performance.now() - 10,
    startTime: Date.now(),
    waitedMs: 0,
    errorCode: status === 200 ? undefined : 'TK_INTERNAL',
    outcome: { status, attempts: [], tokens: 0, facts: { model: undefined }, clientGone: false, failure: undefined },
  } as unknown as GatewayRequest;
}

const USAGE = {
  input: 5,
  output: 2,
  total: 7,
  cachedInput: 1,
  cacheCreation: undefined,
  reasoning: undefined,
  source: 'reported',
} as const;

function measured(env: string) {
  const metrics = new Metrics('one', of({ [OWN]: env }));
  metrics.models.keep(['m']);
  const tell = (told: Told, now = performance.now()) => metrics.settled.record(chat(told), told.status ?? 200, USAGE, now);
  const tenants = async () =>
    [...(await metrics.page()).body.matchAll(/duration_seconds_count\{.*?tenant_id="([^"]*)"/g)].map(([, name]) => name);
  return { metrics, tell, tenants };
}

describe('a label of a header', () => {
  it('is on the four metrics of the reference, and on no other', async () => {
    const { metrics, tell } = measured('x-tenant-id:tenant.id,x-team:team');
    tell({ headers: { 'x-tenant-id': 'acme', 'x-team': 'blue' } });
    tell({ headers: { 'x-tenant-id': 'acme' } });
    const { body } = await metrics.page();
    const lines = body.split('\n').filter((line) => line.includes('acme'));
    expect(lines.filter((line) => line.includes('_count{'))).toEqual(
      ['input', 'output', 'cached_input']
        .flatMap((type) =>
          ['team="blue",', ''].map(
            (team) => `gen_ai_client_token_usage_count{${BASE}tenant_id="acme",${team}gen_ai_token_type="${type}"} 1`,
          ),
        )
        .sort(byPage(lines))
        .concat(
          ['team="blue"', ''].map(
            (team) => `gen_ai_server_request_duration_seconds_count{${BASE}tenant_id="acme"${team === '' ? '' : `,${team}`}} 1`,
          ),
        ),
    );
    expect(lines.every((line) => line.startsWith('gen_ai_'))).toBe(true);
  });

  it('is the word of the policy that sets the header, whatever the client says', async () => {
    const { tell, tenants } = measured('x-tenant-id:tenant.id');
    tell({ headers: { 'x-tenant-id': 'forged' }, set: ['x-other', 'o', 'x-tenant-id', 'acme'], owns: ['x-tenant-id'] });
    // The token has no such claim: nobody has said anything.
    tell({ headers: { 'x-tenant-id': 'forged' }, owns: ['x-tenant-id'] });
    expect(await tenants()).toEqual(['acme']);
    tell({ headers: { 'x-tenant-id': 'plain' } });
    expect(await tenants()).toEqual(['acme', 'plain']);
  });

  it('has a bounded number of values, which only success gives a place, and none that looks like a key', async () => {
    const { tell, tenants, metrics } = measured('x-tenant-id:tenant.id');
    for (let at = 0; at < 50; at++) tell({ headers: { 'x-tenant-id': `tried-${at}` }, status: 500 });
    tell({ headers: { 'x-tenant-id': 'sk-canary0123456789' } });
    expect(new Set(await tenants())).toEqual(new Set(['other']));
    for (let at = 0; at < 300; at++) tell({ headers: { 'x-tenant-id': `t${at}` } });
    expect(new Set(await tenants()).size).toBe(201);
    expect((await metrics.page()).body).not.toContain('canary');
    // An hour later those that nobody used give their places away, and their series are gone, also from what is bound.
    tell({ headers: { 'x-tenant-id': 'late' } }, performance.now() + 3_700_000);
    expect(new Set(await tenants())).toEqual(new Set(['other', 'late']));
    tell({ headers: { 'x-tenant-id': 'late' } }, performance.now() + 3_700_001);
    expect((await metrics.page()).body).toMatch(/duration_seconds_count\{.*tenant_id="late"\} 2\n/);
  });
});

const BASE =
  'gen_ai_operation_name="chat",gen_ai_provider_name="unknown",gen_ai_original_model="m",gen_ai_request_model="m",gen_ai_response_model="unknown",';

/** Series stand in the order in which they were first needed. */
function byPage(lines: readonly string[]): (a: string, b: string) => number {
  return (a, b) => lines.indexOf(a) - lines.indexOf(b);
}
