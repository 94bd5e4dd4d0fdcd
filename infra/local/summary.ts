import { relative } from 'node:path';

import type { Service } from './events.ts';
import { addressesOf, HOST, type LocalSettings, SIMULATED } from './plan.ts';

/** What runs where, for people. */
export function servicesOf({ configuration, ports }: LocalSettings): Service[] {
  const { tierOne, tierOneAdmin, tierTwo, tierTwoAdmin } = ports;
  return [
    { service: 'tier-one', where: `http://${HOST}:${tierOne}/v1`, what: 'for apps: the OpenAI API (the Anthropic API under /anthropic)' },
    ...detailsOf(tierOneAdmin, configuration.tierOne),
    { service: 'tier-two', where: `http://${HOST}:${tierTwo}`, what: 'for tier one: chooses the pod' },
    ...detailsOf(tierTwoAdmin, configuration.tierTwo),
    ...SIMULATED.flatMap((each) =>
      addressesOf(each, ports).map((address, index) => ({
        service: index === 0 ? each.process : '',
        where: `http://${address}`,
        what: `simulated vLLM: ${[each.model, ...each.loras].join(', ')}`,
      })),
    ),
  ];
}

function detailsOf(adminPort: number, path: string): Service[] {
  return [
    { service: '', where: `http://${HOST}:${adminPort}/`, what: 'its status page: health, limits or pools, the last requests' },
    { service: '', where: shortest(path), what: 'its resources; a change is live at once' },
  ];
}

function shortest(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== '' && near.length < path.length ? near : path;
}

/**
 * A command to paste that asks the first model which tier one lists.
 * @returns undefined when it lists none, or asks for a key first
 */
export async function curlFor(tierOnePort: number): Promise<string | undefined> {
  const url = `http://${HOST}:${tierOnePort}/v1`;
  const model = await firstModel(`${url}/models`).catch(() => undefined);
  if (model === undefined) return undefined;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] }).replaceAll("'", String.raw`'\''`);
  return `curl -s ${url}/chat/completions -H 'content-type: application/json' \\\n  -d '${body}'`;
}

async function firstModel(url: string): Promise<string | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } });
  if (!response.ok) return undefined;
  const { data } = (await response.json()) as { data?: { id?: unknown }[] };
  const id = data?.[0]?.id;
  return typeof id === 'string' ? id : undefined;
}
