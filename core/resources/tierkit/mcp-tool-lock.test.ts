import { expect, it } from 'vitest';

import { problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { MCPToolLock } from './mcp-tool-lock.ts';

const lock = (servers: string) => `{targetRef: {kind: MCPRoute, name: tools}, servers: ${servers}}`;
const tool = (definition: string) => lock(`[{name: git, tools: [{name: log, definition: '${definition}'}]}]`);

it.each([
  ['a tool', tool('{"name":"log"}'), []],
  ['a server without tools', lock('[{name: git, tools: []}]'), []],
  ['no server', lock('[]'), [expect.stringContaining('spec.servers: must NOT have fewer than 1 items')]],
  [
    'another kind',
    lock('[{name: git, tools: []}]').replace('MCPRoute', 'HTTPRoute'),
    [expect.stringMatching(/^spec\.targetRef\.kind: must be .*MCPRoute/)],
  ],
  ['no JSON', tool('{'), [expect.stringMatching(/^spec\.servers\[0\]\.tools\[0\]\.definition: is no JSON: /)]],
  ['no object', tool('[]'), ['spec.servers[0].tools[0].definition: must be a JSON object']],
  ['the definition of another tool', tool('{"name":"push"}'), ['spec.servers[0].tools[0].definition: is of a tool "push", not of "log"']],
  [
    'a server twice',
    lock('[{name: git, tools: []}, {name: git, tools: []}]'),
    ['spec.servers[1].name: "git" is also in spec.servers[0]; it may occur once'],
  ],
  [
    'a tool twice',
    lock(`[{name: git, tools: [{name: a, definition: '{"name":"a"}'}, {name: a, definition: '{"name":"a"}'}]}]`),
    ['spec.servers[0].tools[1].name: "a" is also in spec.servers[0].tools[0]; it may occur once'],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(MCPToolLock, yaml)).toEqual(problems);
});
