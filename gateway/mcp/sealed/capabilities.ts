/*
 * Capabilities that client and server told each other, as sets of bits. A bit's number is for ever: sessions of an older gateway have it.
 */

/**
 * What a server can do, by path in `capabilities` of its answer to `initialize`. Bits 24 to 29 are spare.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#servercapabilities
 */
export const SERVER_CAPABILITIES = {
  tools: 1 << 0,
  prompts: 1 << 1,
  resources: 1 << 2,
  logging: 1 << 3,
  completions: 1 << 4,
  'resources.subscribe': 1 << 5,
  'tools.listChanged': 1 << 6,
  'prompts.listChanged': 1 << 7,
  'resources.listChanged': 1 << 8,
  tasks: 1 << 9,
  'tasks.list': 1 << 10,
  'tasks.cancel': 1 << 11,
  'tasks.requests.tools.call': 1 << 12,
  extensions: 1 << 13,
  experimental: 1 << 14,
} as const;

/**
 * What a client can do, by path in `capabilities` of its `initialize`.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#clientcapabilities
 */
export const CLIENT_CAPABILITIES = {
  roots: 1 << 0,
  'roots.listChanged': 1 << 1,
  sampling: 1 << 2,
  'sampling.context': 1 << 3,
  'sampling.tools': 1 << 4,
  elicitation: 1 << 5,
  'elicitation.form': 1 << 6,
  'elicitation.url': 1 << 7,
  tasks: 1 << 8,
  'tasks.list': 1 << 9,
  'tasks.cancel': 1 << 10,
  'tasks.requests.sampling.createMessage': 1 << 11,
  'tasks.requests.elicitation.create': 1 << 12,
  extensions: 1 << 13,
  experimental: 1 << 14,
} as const;

/** Bits by the path of what they stand for. */
export type CapabilityBits = Readonly<Record<string, number>>;

/** The set of what a `capabilities` object has: at each path an object, or `true`. Other members, and settings inside, are not in it. */
export function bitsOf(capabilities: unknown, names: CapabilityBits): number {
  let bits = 0;
  for (const [path, bit] of Object.entries(names)) if (has(capabilities, path)) bits |= bit;
  return bits;
}

/** The `capabilities` object that says a set. */
export function capabilitiesOf(bits: number, names: CapabilityBits): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, bit] of Object.entries(names)) {
    if ((bits & bit) === 0) continue;
    const steps = path.split('.');
    const last = steps.pop()!;
    let at = root;
    for (const step of steps) at = (at[step] ??= {}) as Record<string, unknown>;
    at[last] ??= FLAGS.has(last) ? true : {};
  }
  return root;
}

/** Members that are booleans; all others are objects. */
const FLAGS = new Set(['listChanged', 'subscribe']);

function has(capabilities: unknown, path: string): boolean {
  let at = capabilities;
  for (const step of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false;
    at = (at as Record<string, unknown>)[step];
  }
  return at === true || (typeof at === 'object' && at !== null);
}
