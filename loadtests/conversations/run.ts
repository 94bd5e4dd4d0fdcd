/**
 * Conversations of several turns through both tiers, once with the picker of tier two, once with round robin over the same pods:
 * `node loadtests/conversations/run.ts [--conversations 200] [--turns 5] [--pods 4] [--concurrency 32] [--speed 2]`.
 *
 * Everything is in this process and on loopback; the pods are simulated. The table says what came of it.
 */
import { parseArgs } from 'node:util';

import { TierKeys } from '#core/tiers/keys';

import { TierOne } from '../../gateway/main.ts';
import { makeKeys } from '../../infra/local/keys.ts';
import { Random } from '../../kserve/simulator/engine/random.ts';
import { readOptions } from '../../kserve/simulator/main.ts';
import { startPods } from '../../kserve/simulator/start.ts';
import { TierTwo } from '../../tier2-gateway/main.ts';
import { quantile } from '../../kserve/simulator/workload.ts';
import { roundRobinYaml, tierOneYaml, tierTwoYaml } from './resources.ts';

const { values } = parseArgs({
  options: {
    conversations: { type: 'string', default: '200' },
    turns: { type: 'string', default: '5' },
    pods: { type: 'string', default: '4' },
    concurrency: { type: 'string', default: '32' },
    speed: { type: 'string', default: '2' },
    'kv-tokens': { type: 'string', default: '200000' },
  },
});
const conversations = Number(values.conversations);
const turns = Number(values.turns);

interface Result {
  requests: number;
  failed: number;
  prompt: number;
  cached: number;
  readonly timesToFirstToken: number[];
}

const WORDS =
  'the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not what'.split(' ');

/** @returns about a token a word; always the same for the same seed */
function text(seed: number, words: number): string {
  let state = (seed * 48_271 + 11) % 2_147_483_647;
  const out = [String(seed)];
  for (let index = 0; index < words; index++) {
    state = (state * 48_271) % 2_147_483_647;
    out.push(WORDS[state % WORDS.length]!);
  }
  return out.join(' ');
}

async function ask(url: string, messages: readonly object[], result: Result): Promise<string> {
  const startedAt = performance.now();
  result.requests++;
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', stream: true, stream_options: { include_usage: true }, max_tokens: 60, messages }),
  });
  let answer = '';
  let first: number | undefined;
  let done = false;
  for await (const line of linesOf(response)) {
    if (!line.startsWith('data: ')) continue;
    if (line === 'data: [DONE]') {
      done = true;
      continue;
    }
    const event = JSON.parse(line.slice(6)) as {
      choices?: { delta: { content?: string } }[];
      usage?: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens: number } };
    };
    const content = event.choices?.[0]?.delta.content ?? '';
    if (content !== '') first ??= performance.now() - startedAt;
    answer += content;
    result.prompt += event.usage?.prompt_tokens ?? 0;
    result.cached += event.usage?.prompt_tokens_details?.cached_tokens ?? 0;
  }
  if (!response.ok || !done) result.failed++;
  if (first !== undefined) result.timesToFirstToken.push(first);
  return answer;
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Conversations whose turns take turns: while one waits, others go on. */
async function converse(url: string): Promise<Result> {
  const result: Result = { requests: 0, failed: 0, prompt: 0, cached: 0, timesToFirstToken: [] };
  const states = Array.from(
    { length: conversations },
    (_, seed) => [{ role: 'system', content: text(seed, 1500) }] as { role: string; content: string }[],
  );
  for (let turn = 0; turn < turns; turn++) {
    // In another order each time: else round robin would come to the same pod again by chance.
    const waiting = new Random(turn).shuffle(states.map((messages, seed) => ({ messages, seed })));
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        next.messages.push({ role: 'user', content: text(next.seed * 1000 + turn, 120) });
        next.messages.push({ role: 'assistant', content: await ask(url, next.messages, result) });
      }
    };
    await Promise.all(Array.from({ length: Number(values.concurrency) }, worker));
  }
  return result;
}

const common = { host: '127.0.0.1', port: 0, adminPort: 0, drainMs: 0, accessLog: undefined, log: () => undefined };
const sources = (yaml: string) => ({ paths: [], env: {}, texts: [{ file: 'conversations.yaml', text: yaml }] });
const urlOf = ({ ports }: TierOne | TierTwo): string => `http://127.0.0.1:${[...ports.values()][0]}`;

async function measure(how: 'picker' | 'round robin'): Promise<void> {
  const options = ['--model', 'm', '--pods', values.pods, '--port', '0', '--speed', values.speed, '--kv-tokens', values['kv-tokens']];
  const pods = await startPods(readOptions(options));
  const addresses = pods.map(({ url }) => new URL(url).host);
  const files = makeKeys();
  const keys = { one: new TierKeys(files.tierOne, () => undefined), two: new TierKeys(files.tierTwo, () => undefined) };
  const two = new TierTwo({ ...common, keys: keys.two, audience: 'models', sources: sources(tierTwoYaml(addresses)) });
  await two.start();
  const one = new TierOne({
    ...common,
    keys: keys.one,
    sources: sources(how === 'picker' ? tierOneYaml(urlOf(two)) : roundRobinYaml(addresses)),
  });
  await one.start();
  const startedAt = performance.now();
  const { requests, failed, prompt, cached, timesToFirstToken } = await converse(urlOf(one));
  const seconds = (performance.now() - startedAt) / 1000;
  const ttft = (share: number): string => `${quantile(timesToFirstToken, share).toFixed(0)} ms`;
  const row = [how, requests, failed, `${((100 * cached) / prompt).toFixed(1)} %`, ttft(0.5), ttft(0.9), `${seconds.toFixed(1)} s`];
  process.stdout.write(`| ${row.join(' | ')} |\n`);
  await one.stop();
  await two.stop();
  keys.one.close();
  keys.two.close();
  files.remove();
  await Promise.all(pods.map((pod) => pod.close()));
}

process.stdout.write(
  `${conversations} conversations of ${turns} turns, ${values.pods} simulated pods of ${values['kv-tokens']} KV tokens, ${values.concurrency} at a time, ${values.speed} times as fast as real\n\n`,
);
process.stdout.write('| | requests | failed | prompt tokens cached | TTFT p50 | TTFT p90 | took |\n|---|---|---|---|---|---|---|\n');
await measure('picker');
await measure('round robin');
