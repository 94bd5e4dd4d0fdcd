// In a cluster what is wrong is left out. What is wrong and would have limited or hidden something, must not let it pass.
import { afterEach, expect, it } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, startUpstream } from './upstream.fixture.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gatewayOf(budget: string): Promise<TestGateway> {
  const upstream = await startUpstream(answer(200, { id: 'c', object: 'chat.completion', model: 'm', choices: [] }));
  closers.push(() => upstream.close());
  const yaml = [backendsYaml([{ name: 'a', port: upstream.port }]), routeYaml('m', ['a']), routeYaml('other', ['a']), budget].join(
    '\n---\n',
  );
  const gateway = await startGateway({ yaml, inCluster: true });
  closers.push(() => gateway.close());
  return gateway;
}

function ask({ url }: TestGateway, model: string): Promise<Response> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] });
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

it('a Budget that cannot be read lets nothing pass of what it is for, and all of the rest', async () => {
  const gateway = await gatewayOf(`apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: team}
spec: {tokens: many, window: {unit: Day}, targetRefs: [{kind: AIGatewayRoute, name: m}]}`);
  const refused = await ask(gateway, 'm');
  expect([refused.status, await refused.json()]).toMatchObject([
    500,
    { error: { code: 'TK_BROKEN_ROUTE', message: expect.stringContaining('Budget default/team has problems') as string } },
  ]);
  expect((await ask(gateway, 'other')).status).toBe(200);
});
