import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Clients, chat } from './real-load.fixture.ts';
import { type AccessLine, eventually, missing, type PodStatus, simContainer, TestNamespace } from './real-cluster.fixture.ts';

/** The reference picker with the plugin of its own conformance tests that tells who served, and a list of three endpoints for every request. */
const EPP_CONFIG = `
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: destination-endpoint-served-verifier}
- {type: max-score-picker, parameters: {maxNumOfEndpoints: 3}}
- {type: single-profile-handler}
schedulingProfiles:
- {name: default, plugins: [{pluginRef: max-score-picker}]}
`;

const PICKERS = [
  {
    program: 'epp',
    image: 'TIERKIT_TEST_EPP_IMAGE',
    flags: [`--config-text=${EPP_CONFIG}`, '--tracing=false', '--metrics-endpoint-auth=false'],
  },
  { program: 'lwepp', image: 'TIERKIT_TEST_LWEPP_IMAGE', flags: [] },
] as const;

const poolYaml = (name: string, app: string, picker: string, failureMode: string): string => `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: ${app}}}, targetPorts: [{number: 8000}], endpointPickerRef: {name: ${picker}, port: {number: 9002}, failureMode: ${failureMode}}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{headers: [{name: x-ai-eg-model, value: ${name}}]}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{path: {value: /${name}}}], backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]}]
---
`;

for (const { program, image, flags } of PICKERS) {
  const lacks = missing('TIERKIT_TEST_KUBECONFIG', 'TIERKIT_IMAGE', image);
  if (lacks !== undefined) process.stderr.write(`skipped: ${program} as a pod of a real cluster, with tier two before it; ${lacks}\n`);
  describe.skipIf(lacks !== undefined && process.env['REQUIRE_REAL'] !== '1')(`${program} as a pod`, { timeout: 120_000 }, () => {
    let space: TestNamespace;
    let url: string;
    let pods: PodStatus[];

    beforeAll(async () => {
      if (lacks !== undefined) throw new Error(`REQUIRE_REAL is set: ${lacks}`);
      space = await TestNamespace.create(program);
      // The pools share pods and picker, and differ in what becomes of requests when it is away.
      const modes = { closed: 'FailClose', open: 'FailOpen' };
      for (const [name, mode] of Object.entries(modes)) await space.apply(poolYaml(name, 'sim', 'picker', mode));
      await space.apply(poolYaml('echo', 'echo', 'echo-picker', 'FailClose'));
      await Promise.all([
        space.tierTwo(),
        space.sim('sim', 3, '--served-model-name=closed', '--served-model-name=open', '--max-model-len=1000000', '--kv-tokens=2000000'),
        space.echo('echo', 1),
        space.picker('picker', 'closed', program, ...flags),
        space.picker('echo-picker', 'echo', program, ...flags),
      ]);
      pods = await space.ready({ run: 'sim' }, 3);
      url = await space.gateway();
      for (const model of ['closed', 'open', 'echo']) await answers(url, model);
    }, 180_000);
    afterAll(() => space?.close(), 60_000);

    it('chooses for every request; its edits of answers reach the client, with the endpoint that served', async () => {
      const answers: Response[] = [];
      const texts: string[] = [];
      for (let at = 0; at < 20; at++) {
        const answer = await chat(url, 'closed', { stream: at % 2 === 0, content: `${at}` });
        answers.push(answer);
        texts.push(await answer.text());
      }
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(texts.filter((text) => text.includes('data: ')).every((text) => text.endsWith('data: [DONE]\n\n'))).toBe(true);
      expect(new Set(answers.map(({ headers }) => headers.get('x-went-into-resp-headers')))).toEqual(new Set(['true']));
      const served = new Set(answers.map(({ headers }) => headers.get('x-conformance-test-served-endpoint')));
      const ids = pods.map(({ ip }) => `${ip}:8000`);
      expect([...served].filter((id) => id === null || !ids.includes(id))).toEqual([]);
    });

    it.runIf(program === 'lwepp')('names one pod, and that one serves', async () => {
      for (const { ip } of pods) {
        const named = await fetch(`${url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'test-epp-endpoint-selection': ip },
          body: JSON.stringify({ model: 'closed', max_tokens: 2, messages: [{ role: 'user', content: 'hello' }] }),
        });
        await named.text();
        expect([named.status, named.headers.get('x-conformance-test-served-endpoint')]).toEqual([200, `${ip}:8000`]);
      }
    });

    it('sees bodies of any size in pieces, and the pod gets what the picker makes of them', async () => {
      const content = 'The quick brown fox jumps over the lazy dog. '.repeat(5000);
      const direct = await (await chat(`http://${pods[0]!.ip}:8000`, 'closed', { content })).json();
      const [whole, stream] = await Promise.all([chat(url, 'closed', { content }), chat(url, 'closed', { content, stream: true })]);
      const usage = ({ usage: { prompt_tokens: prompt, completion_tokens: completion } }: Chat) => [prompt, completion];
      expect(usage((await whole.json()) as Chat)).toEqual(usage(direct as Chat));
      expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
      const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content }] });
      const echo = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { bytes, headers } = (await echo.json()) as Echo;
      expect([bytes, headers['content-length']]).toEqual([body.length, `${body.length}`]);
    });

    it('edits requests, and cannot edit what frames them', async () => {
      const headers = { 'content-type': 'application/json', 'x-own': 'kept', 'x-gateway-destination-endpoint': '10.0.0.1:1' };
      const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'hello' }] });
      const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body });
      const got = ((await answer.json()) as Echo).headers;
      expect(got).toMatchObject({ 'x-own': 'kept', 'content-type': 'application/json' });
      expect(got['x-gateway-destination-endpoint']).not.toBe('10.0.0.1:1');
    });

    it.runIf(program === 'epp')('names several pods, and a dead one is passed over', async () => {
      // Ready, and nothing listens on the port of the pool.
      const container = simContainer(8001);
      await space.apply(
        `{apiVersion: v1, kind: Pod, metadata: {name: dead, labels: {app: sim, run: dead}}, spec: {terminationGracePeriodSeconds: 10, containers: [${container}]}}`,
      );
      const [dead] = await space.ready({ run: 'dead' }, 1);
      await eventually('the dead pod in the pool', 10_000, async () =>
        JSON.stringify(await space.admin('/pools')).includes(dead!.ip) ? true : undefined,
      );
      const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => chat(url, 'closed', { content: `dead ${at}` })));
      for (const answer of answers) await answer.text();
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const walked = await eventually('the lines of the access log', 10_000, async () => {
        const lines = await space.accessLog();
        const failed = lines.filter(({ attempts }) => (attempts ?? []).some(({ failure }) => failure === 'connect'));
        return failed.length > 0 ? failed : undefined;
      });
      expect(walked.map(({ response_code: code }: AccessLine) => code)).toEqual(walked.map(() => 200));
      await space.deletePod('dead', 0);
      await eventually('the pool without the dead pod', 20_000, async () =>
        JSON.stringify(await space.admin('/pools')).includes(dead!.ip) ? undefined : true,
      );
    });

    it('is killed and comes back under load: FailOpen loses nothing, FailClose refuses and recovers, streams go on', async () => {
      const open = new Clients(10, (index) => chat(url, 'open', { stream: index % 2 === 0, content: `${index}` }));
      const closed = new Clients(10, (index) => chat(url, 'closed', { content: `${index}` }));
      const streams = await Promise.all(Array.from({ length: 10 }, () => chat(url, 'closed', { stream: true, maxTokens: 300 })));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(closed.counts.bad).toEqual(new Map());
      const [picker] = await space.ready({ run: 'picker' }, 1);
      await space.scale('picker', 0);
      await space.deletePod(picker!.name, 0);
      const refused = await eventually('a refusal of the pool that fails closed', 20_000, async () => {
        const answer = await chat(url, 'closed');
        const text = await answer.text();
        return text.includes('TK_NO_BACKEND') ? answer.status : undefined;
      });
      expect(refused).toBe(503);
      const before = open.counts.ok;
      await eventually('answers of the pool that fails open', 10_000, async () => (open.counts.ok > before + 20 ? true : undefined));
      const texts = await Promise.all(streams.map((stream) => stream.text()));
      expect(texts.map((text) => text.endsWith('data: [DONE]\n\n'))).toEqual(texts.map(() => true));
      await space.scale('picker', 1);
      await space.ready({ run: 'picker' }, 1);
      await answers(url, 'closed');
      const refusals = [...closed.counts.bad.values()].reduce((sum, count) => sum + count, 0);
      const okBefore = closed.counts.ok;
      await eventually('more of them', 10_000, async () => (closed.counts.ok > okBefore + 50 ? true : undefined));
      const [openCounts, closedCounts] = await Promise.all([open.end(), closed.end()]);
      process.stderr.write(
        `${program} killed and back: ${openCounts.ok} answers of FailOpen, ${closedCounts.ok} and ${refusals} refusals of FailClose\n`,
      );
      expect(openCounts.bad).toEqual(new Map());
      expect([...closedCounts.bad.keys()].filter((what) => !/^50[34] /.test(what))).toEqual([]);
    });
  });
}

/** Waits for the first answer of a model; what came instead is told in the end. */
async function answers(url: string, model: string): Promise<void> {
  let last = '';
  await eventually(`an answer of ${model}`, 40_000, async () => {
    const [status, text] = await chat(url, model).then(
      async (answer) => [answer.status, await answer.text()] as const,
      (error: unknown) => [0, String(error)] as const,
    );
    last = `${status} ${text.slice(0, 300)}`;
    return status === 200 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`the last answer was ${last}`, { cause: error });
  });
}

interface Chat {
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

interface Echo {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
}
