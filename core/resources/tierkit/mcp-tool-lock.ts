import { isObject } from '../../is-object.ts';
import { reportDuplicates } from '../ai-gateway/unique.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { list, object, ObjectName, oneOf, type Static, text, Type } from '../schema.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';

const Tool = object({
  name: doc('In the server’s words.', text(256)),
  definition: doc('What the server said of the tool when it was accepted, as JSON: as `tierkit mcp lock` writes it.', text(65_536)),
});

const Server = object({
  name: doc('Of the backendRef.', ObjectName),
  tools: doc('All tools of the server that may be seen and called.', list(Tool, 2000)),
});
export type LockedServer = Static<typeof Server>;

/**
 * The tools of MCP servers as somebody has read and accepted them. A tool that is not in it, or is not any more what it was, is neither shown
 * nor called until it is accepted.
 */
export const MCPToolLock = defineKind({
  kind: 'MCPToolLock',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      targetRef: doc(
        'The MCPRoute, of this namespace.',
        object({
          group: doc('Absent: that of the kind.', Type.Optional(oneOf(['aigateway.envoyproxy.io']))),
          kind: doc('What is locked.', oneOf(['MCPRoute'])),
          name: doc('Of the route.', ObjectName),
        }),
      ),
      servers: doc('Servers of the route whose tools are locked; those of others are not.', list(Server, 256, 1)),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    reportDuplicates(spec.servers, ({ name }) => name, 'spec.servers', 'name', report);
    for (const [index, server] of spec.servers.entries()) checkServer(server, `spec.servers[${index}]`, report);
  },
});
export type MCPToolLock = ResourceOf<typeof MCPToolLock>;

function checkServer({ tools }: LockedServer, path: string, report: Report): void {
  reportDuplicates(tools, ({ name }) => name, `${path}.tools`, 'name', report);
  for (const [index, { name, definition }] of tools.entries()) {
    const problem = problemOf(name, definition);
    if (problem !== undefined) report(`${path}.tools[${index}].definition`, problem);
  }
}

function problemOf(name: string, definition: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(definition);
  } catch (error) {
    return `is no JSON: ${(error as Error).message}`;
  }
  if (!isObject(value)) return 'must be a JSON object';
  return value['name'] === name ? undefined : `is of a tool ${JSON.stringify(value['name'])}, not of ${JSON.stringify(name)}`;
}
