import type { EndpointTable } from '#core/read/endpoints';
import type { AiRule } from '#core/route/rule';
import type { Snapshot } from '#core/serve/snapshot';

/** A command to paste that asks the first model of a configuration something; undefined when it has no AI route. */
export function tryIt(
  snapshot: Snapshot,
  ports: ReadonlyMap<number, number>,
  address: string,
  endpoints: EndpointTable,
): string | undefined {
  for (const { port, listeners } of snapshot.ports) {
    for (const { hosts } of listeners) {
      for (const [host, index] of hosts.entries()) {
        const rule = index.rules().find((each): each is AiRule => each.ai && each.plan.targets.length > 0);
        if (rule === undefined) continue;
        const url = `http://${address}:${ports.get(port) ?? port}`;
        const name = host === '*' ? [] : [`-H 'host: ${host.replace('*', 'www')}'`];
        return commandOf(rule, url, name, endpoints);
      }
    }
  }
  return undefined;
}

/** What to ask a backend first, by the API that it speaks. */
const QUESTIONS = {
  openai: { operation: 'chat', model: 'gpt-5-mini', body: { messages: [{ role: 'user', content: 'Say hello.' }] }, headers: [] },
  anthropic: {
    operation: 'messages',
    model: 'claude-haiku-4-5',
    body: { max_tokens: 100, messages: [{ role: 'user', content: 'Say hello.' }] },
    headers: ["-H 'anthropic-version: 2023-06-01'"],
  },
  cohere: { operation: 'rerank', model: 'rerank-v3.5', body: { query: 'fruit', documents: ['an apple', 'a car'] }, headers: [] },
} as const;

function commandOf(rule: AiRule, url: string, hostHeaders: readonly string[], endpoints: EndpointTable): string {
  const { name } = rule.plan.targets[0]!.schema;
  const dialect = name === 'Anthropic' ? 'anthropic' : name === 'Cohere' ? 'cohere' : 'openai';
  const { operation, model, body, headers } = QUESTIONS[dialect];
  const all = ["-H 'content-type: application/json'", ...headers, ...hostHeaders].join(' ');
  const json = JSON.stringify({ model: rule.models[0]?.id ?? model, ...body }).replaceAll("'", String.raw`'\''`);
  const key = rule.security === undefined ? '' : '\n\n(the route asks for a credential: add it as its SecurityPolicy says)';
  return `curl -s ${url}${endpoints.path(dialect, operation)} ${all} \\\n  -d '${json}'${key}`;
}
