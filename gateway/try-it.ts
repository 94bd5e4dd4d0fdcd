import type { AiRule } from './route/rule.ts';
import type { Snapshot } from './snapshot.ts';

/** A command to paste that asks the first model of a configuration something; undefined when it has no AI route. */
export function tryIt(snapshot: Snapshot, ports: ReadonlyMap<number, number>, address: string): string | undefined {
  for (const { port, listeners } of snapshot.ports) {
    for (const { hosts } of listeners) {
      for (const [host, index] of hosts.entries()) {
        const rule = index.rules().find((each): each is AiRule => each.ai && each.plan.targets.length > 0);
        if (rule === undefined) continue;
        const url = `http://${address}:${ports.get(port) ?? port}`;
        const name = host === '*' ? [] : [`-H 'host: ${host.replace('*', 'www')}'`];
        return commandOf(rule, url, name);
      }
    }
  }
  return undefined;
}

function commandOf(rule: AiRule, url: string, headers: readonly string[]): string {
  const { name } = rule.plan.targets[0]!.schema;
  const anthropic = name === 'Anthropic';
  const model = rule.models[0]?.id ?? (anthropic ? 'claude-haiku-4-5' : 'gpt-5-mini');
  const body = { model, ...(anthropic ? { max_tokens: 100 } : {}), messages: [{ role: 'user', content: 'Say hello.' }] };
  const path = anthropic ? '/anthropic/v1/messages' : '/v1/chat/completions';
  const all = ["-H 'content-type: application/json'", ...(anthropic ? ["-H 'anthropic-version: 2023-06-01'"] : []), ...headers];
  const key = rule.security === undefined ? '' : '\n\n(the route asks for a credential: add it as its SecurityPolicy says)';
  return `curl -s ${url}${path} ${all.join(' ')} \\\n  -d '${JSON.stringify(body)}'${key}`;
}
