import { sleep } from 'k6';
import execution from 'k6/execution';
import http from 'k6/http';

import { type Addresses, addressesOf, isThere } from '../plan/addresses.ts';
import type { Part } from '../plan/part.ts';
import { type Settings, type Tier, TIERS } from '../plan/settings.ts';
import { type Answer, askStream, askWhole, type Question } from './chat.ts';
import { leftRunning, measure } from './measure.ts';
import { type Message, words } from './prompts.ts';
import { canStream } from './sse.ts';

/** What `setup` tells the virtual users. */
interface Run {
  /** In every prompt: what a run before has left in a cache is of no use to this one. */
  readonly id: string;
}

const addresses = addressesOf(__ENV);
const PROMPT_WORDS = 60;
const LEAVE_AFTER = 3;

/** Sees that all is there, and warms the gateways up: their first requests are compiled code's first as well. */
export function setup(): Run {
  const id = Date.now().toString(36);
  const planned = plannedScenarios();
  if (!canStream) {
    console.warn('SSE=no: streams are read as a whole. No time to first token, no gaps; clients cannot leave.');
    if (planned.some(({ part }) => part.behaviour === 'leave')) execution.test.abort('clients that leave need a k6 with k6/x/sse');
  }
  const { model } = planned[0]!.settings;
  for (const tier of TIERS) {
    if (!isThere(addresses, tier) || !planned.some(({ part }) => part.tier === tier && part.behaviour !== 'tenant')) continue;
    for (let count = 0; count < 20; count++) {
      const { url, key } = targetOf(addresses, tier, count);
      const question = { url, key, model, maxTokens: 4, messages: [user(words(`${id}-warm-${tier}-${count}`, 10))] };
      const { failure } = askStream(question);
      if (failure !== undefined && count === 0) execution.test.abort(`${url} (${tier}) does not serve ${model}: ${failure}`);
    }
  }
  return { id };
}

/** A request of one prompt, answered as a stream. */
export function stream(run: Run): void {
  const { part, settings } = current();
  measure(askStream(questionOf(run, part, settings)), settings);
}

/** The same, answered as a whole. */
export function unary(run: Run): void {
  const { part, settings } = current();
  measure(askWhole(questionOf(run, part, settings)), settings);
}

/** A client that goes after its first tokens. */
export function leave(run: Run): void {
  const { part, settings } = current();
  measure(askStream({ ...questionOf(run, part, settings), leaveAfter: LEAVE_AFTER }), settings);
}

/** A request with the key of a tenant. TENANT_KEYS: `busy=KEY,calm=KEY`. */
export function tenant(run: Run): void {
  const { part, settings } = current();
  const keys = new Map((__ENV['TENANT_KEYS'] ?? '').split(',').map((pair) => pair.split('=') as [string, string]));
  const question = questionOf(run, part, settings);
  measure(askStream({ ...question, url: addresses.tenants ?? question.url, key: keys.get(part.tenant ?? '') }), settings);
}

/** Users of this many applications share the application's system prompt; the rest of a conversation is its own. */
const APPLICATIONS = 6;
const SYSTEM_WORDS = 1200;
const TURN_WORDS = 80;
const THINK_S = 0.3;

/** A conversation of several turns, each of which sends all of the ones before. */
export function converse(run: Run): void {
  const { part, settings } = current();
  const number = execution.scenario.iterationInTest;
  const messages: Message[] = [
    { role: 'system', content: words(`${run.id}-${part.tier}-application-${number % APPLICATIONS}`, SYSTEM_WORDS) },
  ];
  for (let turn = 0; turn < (part.turns ?? 1); turn++) {
    if (turn > 0) sleep(THINK_S);
    messages.push(user(words(`${number}-${turn}`, TURN_WORDS)));
    // Without tier two, a client or a balancer that knows no caches takes the pods in turn.
    const { url, key } = targetOf(addresses, part.tier, number * 7 + turn);
    const answer: Answer = askStream({ url, key, model: settings.model, maxTokens: settings.maxTokens, messages });
    measure(answer, settings);
    messages.push({ role: 'assistant', content: answer.text });
  }
}

/** Sets what is to go wrong, and ends what went wrong before. */
export function inject(): void {
  const { failures = [], everyPod = false } = current().part;
  for (const [index, pod] of addresses.pods.entries()) setFailures(pod, index === 0 || everyPod ? failures : []);
}

/** Heals the pods, and looks at whether work of clients that have gone is still done. */
export function teardown(): void {
  const behaviours = plannedScenarios().map(({ part }) => part.behaviour);
  if (behaviours.includes('inject')) for (const pod of addresses.pods) setFailures(pod, []);
  if (!behaviours.includes('leave')) return;
  let running = runningInPods();
  for (let wait = 0; wait < 20 && running > 0; wait++) {
    sleep(0.25);
    running = runningInPods();
  }
  leftRunning.add(running);
}

function runningInPods(): number {
  let sum = 0;
  for (const pod of addresses.pods) {
    const { body } = http.get(`${pod}/metrics`);
    for (const [, value] of (body ?? '').matchAll(/^vllm:num_requests_running(?:\{[^}]*\})? (\S+)/gm)) sum += Number(value);
  }
  return sum;
}

function setFailures(pod: string, failures: NonNullable<Part['failures']>): void {
  const response = http.put(`${pod}/admin/config`, JSON.stringify({ failures }), { headers: { 'content-type': 'application/json' } });
  if (response.status !== 200) execution.test.abort(`${pod}/admin/config: status ${response.status}; is it a simulated pod?`);
}

/** A k6 scenario as script/options.ts has made it. */
interface Planned {
  readonly part: Part;
  readonly settings: Settings;
}

function current(): Planned {
  return read(__ENV);
}

/** All of the run: before and after it no scenario is the current one. */
function plannedScenarios(): Planned[] {
  return Object.values(execution.test.options.scenarios ?? {}).map(({ env = {} }) => read(env));
}

function read(env: Readonly<Record<string, string | undefined>>): Planned {
  return { part: JSON.parse(env['PART'] ?? '{}') as Part, settings: JSON.parse(env['SETTINGS'] ?? '{}') as Settings };
}

function questionOf(run: Run, part: Part, settings: Settings): Question {
  const number = execution.scenario.iterationInTest;
  const { url, key } = targetOf(addresses, part.tier, number);
  // What differs comes first: else the first block of a prefix cache would be the same.
  const messages = [user(words(`${number}-${part.scenario}-${run.id}`, PROMPT_WORDS))];
  return { url, key, model: settings.model, maxTokens: part.maxTokens ?? settings.maxTokens, messages };
}

/** Pods are taken in turn. Keys: API_KEY for tier one, TIER_TWO_API_KEY for tier two. */
function targetOf(where: Addresses, tier: Tier, number: number): { url: string; key: string | undefined } {
  switch (tier) {
    case 'pods':
      return { url: where.pods[number % where.pods.length] ?? '', key: undefined };
    case 'two':
      return { url: where.two ?? '', key: __ENV['TIER_TWO_API_KEY'] };
    case 'one':
    case 'both':
      return { url: where[tier] ?? '', key: __ENV['API_KEY'] };
  }
}

function user(content: string): Message {
  return { role: 'user', content };
}
