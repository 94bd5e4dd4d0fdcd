import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { bitsOf, type CapabilityBits, capabilitiesOf, CLIENT_CAPABILITIES, SERVER_CAPABILITIES } from './capabilities.ts';

const SETS: readonly (readonly [string, CapabilityBits])[] = [
  ['servers', SERVER_CAPABILITIES],
  ['clients', CLIENT_CAPABILITIES],
];

test.each(SETS)('each capability of %s has a bit of its own', (_, names) => {
  const bits = Object.values(names);
  expect(new Set(bits).size).toBe(bits.length);
  for (const bit of bits) expect(Math.log2(bit) % 1).toBe(0);
});

test.each(SETS)('a set of %s is said and read again, with the parents of what is in it', (_, names) => {
  fc.assert(
    fc.property(fc.subarray(Object.keys(names)), (paths) => {
      const withParents = Object.keys(names).filter((name) => paths.some((path) => path === name || path.startsWith(`${name}.`)));
      const bits = (list: readonly string[]) => list.reduce((sum, path) => sum | names[path]!, 0);
      expect(bitsOf(capabilitiesOf(bits(paths), names), names)).toBe(bits(withParents));
    }),
  );
});

test('what a server says is read by its path', () => {
  const capabilities = {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: false },
    logging: {},
    prompts: null,
    tasks: { requests: { tools: { call: {} } } },
    'resources.listChanged': true,
    other: {},
  };
  const { tools, resources, logging, tasks } = SERVER_CAPABILITIES;
  expect(bitsOf(capabilities, SERVER_CAPABILITIES)).toBe(
    tools |
      resources |
      logging |
      tasks |
      SERVER_CAPABILITIES['tools.listChanged'] |
      SERVER_CAPABILITIES['resources.subscribe'] |
      SERVER_CAPABILITIES['tasks.requests.tools.call'],
  );
});

test('what a client can do is said as in the specification', () => {
  const { roots, elicitation } = CLIENT_CAPABILITIES;
  const bits = roots | CLIENT_CAPABILITIES['roots.listChanged'] | elicitation | CLIENT_CAPABILITIES['elicitation.url'];
  expect(capabilitiesOf(bits, CLIENT_CAPABILITIES)).toEqual({ roots: { listChanged: true }, elicitation: { url: {} } });
});

test.each([undefined, null, 1, 'tools', [], { tools: 'yes' }, JSON.parse('{"__proto__": {"tools": {}}}')])('%j says nothing', (value) => {
  expect(bitsOf(value, SERVER_CAPABILITIES)).toBe(0);
});
