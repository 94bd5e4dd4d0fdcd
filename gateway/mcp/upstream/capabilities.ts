import { type JsonObjectScan, scanObject } from '#core/json/scan';

/** What a server offers: the JSON as it came, and what of it the gateway acts on. */
export interface ServerCapabilities {
  readonly json: Buffer;
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  readonly completions: boolean;
  readonly logging: boolean;
  readonly toolsListChanged: boolean;
  readonly promptsListChanged: boolean;
  readonly resourcesListChanged: boolean;
  readonly resourcesSubscribe: boolean;
}

/** @param json an object, checked */
export function capabilitiesOf(json: Buffer): ServerCapabilities {
  const all = scanObject(json, { maxDepth: Number.POSITIVE_INFINITY });
  const says = (name: string, member: string): boolean => memberObject(all, name)?.boolean(member) === true;
  const has = (name: string): boolean => all.type(name) === 'object';
  return {
    json,
    tools: has('tools'),
    prompts: has('prompts'),
    resources: has('resources'),
    completions: has('completions'),
    logging: has('logging'),
    toolsListChanged: says('tools', 'listChanged'),
    promptsListChanged: says('prompts', 'listChanged'),
    resourcesListChanged: says('resources', 'listChanged'),
    resourcesSubscribe: says('resources', 'subscribe'),
  };
}

/** The members of a member that is an object. */
export function memberObject(scan: JsonObjectScan, name: string): JsonObjectScan | undefined {
  if (scan.type(name) !== 'object') return undefined;
  return scanObject(scan.slice(name)!, { maxDepth: Number.POSITIVE_INFINITY });
}
