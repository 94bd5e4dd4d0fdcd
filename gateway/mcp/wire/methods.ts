import { isObject } from '#core/is-object';
import type { RpcMessage } from './message.ts';
import { invalidRequest, shown, unknownMethod } from './rpc-error.ts';
import type { Era } from './versions.ts';

/** The member that names what is meant. `params.ref` is an object with a prompt's name or a template's URI. */
export type Subject = 'params.name' | 'params.uri' | 'params.ref' | 'params.taskId';

export type ListMember = 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'tasks';

export interface Method {
  readonly name: string;
  /** Who may send it. */
  readonly from: 'client' | 'server' | 'both';
  readonly kind: 'request' | 'notification';
  readonly eras: readonly Era[];
  readonly subject: Subject | undefined;
  /** Who has to hear of it. A server's own requests and notifications go to the one client that its session belongs to. */
  readonly scope: 'one server' | 'all servers' | 'gateway itself';
  /**
   * Paths into the capabilities of whoever receives a request, or sends a notification; one of them must be there. None: no
   * capability is needed.
   */
  readonly capabilities: readonly (readonly string[])[];
  /** The array of the result that has one entry for each thing. */
  readonly list: ListMember | undefined;
  /** `Mcp-Name` is required of modern requests and equals the subject. */
  readonly hasNameHeader: boolean;
}

const BOTH: readonly Era[] = ['legacy', 'modern'];
const LEGACY: readonly Era[] = ['legacy'];
const MODERN: readonly Era[] = ['modern'];

const TASKS: readonly (readonly string[])[] = [['tasks'], ['extensions', 'io.modelcontextprotocol/tasks']];

type Row = Omit<Method, 'name' | 'subject' | 'capabilities' | 'list' | 'hasNameHeader'> & Partial<Method>;

/*
 * The methods of 2025-06-18, 2025-11-25 (which added tasks and URL elicitation) and 2026-07-28, whose tasks are an extension.
 * https://modelcontextprotocol.io/specification/2025-06-18/schema, /2025-11-25/schema, /2026-07-28/schema, /seps/2663-tasks-extension
 */
const ROWS: Readonly<Record<string, Row>> = {
  initialize: { from: 'client', kind: 'request', eras: LEGACY, scope: 'all servers' },
  'notifications/initialized': { from: 'client', kind: 'notification', eras: LEGACY, scope: 'gateway itself' },
  'server/discover': { from: 'client', kind: 'request', eras: MODERN, scope: 'all servers' },
  ping: { from: 'both', kind: 'request', eras: LEGACY, scope: 'gateway itself' },

  'tools/list': { from: 'client', kind: 'request', eras: BOTH, scope: 'all servers', capabilities: [['tools']], list: 'tools' },
  'tools/call': {
    from: 'client',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['tools']],
    subject: 'params.name',
    hasNameHeader: true,
  },
  'prompts/list': { from: 'client', kind: 'request', eras: BOTH, scope: 'all servers', capabilities: [['prompts']], list: 'prompts' },
  'prompts/get': {
    from: 'client',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['prompts']],
    subject: 'params.name',
    hasNameHeader: true,
  },
  'resources/list': { from: 'client', kind: 'request', eras: BOTH, scope: 'all servers', capabilities: [['resources']], list: 'resources' },
  'resources/templates/list': {
    from: 'client',
    kind: 'request',
    eras: BOTH,
    scope: 'all servers',
    capabilities: [['resources']],
    list: 'resourceTemplates',
  },
  'resources/read': {
    from: 'client',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['resources']],
    subject: 'params.uri',
    hasNameHeader: true,
  },
  'resources/subscribe': {
    from: 'client',
    kind: 'request',
    eras: LEGACY,
    scope: 'one server',
    capabilities: [['resources', 'subscribe']],
    subject: 'params.uri',
  },
  'resources/unsubscribe': {
    from: 'client',
    kind: 'request',
    eras: LEGACY,
    scope: 'one server',
    capabilities: [['resources', 'subscribe']],
    subject: 'params.uri',
  },
  'subscriptions/listen': { from: 'client', kind: 'request', eras: MODERN, scope: 'all servers' },
  'completion/complete': {
    from: 'client',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['completions']],
    subject: 'params.ref',
  },
  'logging/setLevel': { from: 'client', kind: 'request', eras: LEGACY, scope: 'all servers', capabilities: [['logging']] },

  'tasks/list': { from: 'both', kind: 'request', eras: LEGACY, scope: 'all servers', capabilities: [['tasks', 'list']], list: 'tasks' },
  'tasks/result': { from: 'both', kind: 'request', eras: LEGACY, scope: 'one server', capabilities: [['tasks']], subject: 'params.taskId' },
  'tasks/get': {
    from: 'both',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: TASKS,
    subject: 'params.taskId',
    hasNameHeader: true,
  },
  'tasks/cancel': {
    from: 'both',
    kind: 'request',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['tasks', 'cancel'], TASKS[1]!],
    subject: 'params.taskId',
    hasNameHeader: true,
  },
  'tasks/update': {
    from: 'client',
    kind: 'request',
    eras: MODERN,
    scope: 'one server',
    capabilities: [TASKS[1]!],
    subject: 'params.taskId',
    hasNameHeader: true,
  },

  // In the modern era a server asks in its result (`inputRequests`), never by a request.
  'roots/list': { from: 'server', kind: 'request', eras: LEGACY, scope: 'one server', capabilities: [['roots']] },
  'sampling/createMessage': { from: 'server', kind: 'request', eras: LEGACY, scope: 'one server', capabilities: [['sampling']] },
  'elicitation/create': { from: 'server', kind: 'request', eras: LEGACY, scope: 'one server', capabilities: [['elicitation']] },

  'notifications/cancelled': { from: 'both', kind: 'notification', eras: BOTH, scope: 'one server' },
  'notifications/progress': { from: 'both', kind: 'notification', eras: BOTH, scope: 'one server' },
  'notifications/roots/list_changed': {
    from: 'client',
    kind: 'notification',
    eras: LEGACY,
    scope: 'all servers',
    capabilities: [['roots', 'listChanged']],
  },
  'notifications/message': { from: 'server', kind: 'notification', eras: BOTH, scope: 'one server', capabilities: [['logging']] },
  'notifications/resources/updated': {
    from: 'server',
    kind: 'notification',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['resources', 'subscribe']],
    subject: 'params.uri',
  },
  'notifications/resources/list_changed': {
    from: 'server',
    kind: 'notification',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['resources', 'listChanged']],
  },
  'notifications/tools/list_changed': {
    from: 'server',
    kind: 'notification',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['tools', 'listChanged']],
  },
  'notifications/prompts/list_changed': {
    from: 'server',
    kind: 'notification',
    eras: BOTH,
    scope: 'one server',
    capabilities: [['prompts', 'listChanged']],
  },
  'notifications/subscriptions/acknowledged': { from: 'server', kind: 'notification', eras: MODERN, scope: 'one server' },
  'notifications/elicitation/complete': { from: 'server', kind: 'notification', eras: LEGACY, scope: 'one server' },
  'notifications/tasks/status': {
    from: 'both',
    kind: 'notification',
    eras: LEGACY,
    scope: 'one server',
    capabilities: [['tasks']],
    subject: 'params.taskId',
  },
  'notifications/tasks': {
    from: 'server',
    kind: 'notification',
    eras: MODERN,
    scope: 'one server',
    capabilities: [TASKS[1]!],
    subject: 'params.taskId',
  },
};

/** By name. */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  Object.entries(ROWS).map(([name, row]) => [
    name,
    { subject: undefined, capabilities: [], list: undefined, hasNameHeader: false, ...row, name },
  ]),
);

export interface Sender {
  readonly from: 'client' | 'server';
  readonly era: Era;
  /** The route has one server, which may know methods that this table does not. */
  readonly hasOneServer: boolean;
}

/**
 * What is known of a request's or notification's method; undefined for an unknown one that a route's only server has to judge.
 * Methods that the era or the direction does not have are refused on every route: a server of the other era may well have them.
 *
 * @throws RpcError -32601 for a method that is not served, -32600 where a request came as a notification or the reverse
 */
export function methodOf(message: RpcMessage, { from, era, hasOneServer }: Sender): Method | undefined {
  const name = message.method ?? '';
  const method = METHODS.get(name);
  if (method === undefined) {
    if (hasOneServer) return undefined;
    throw unknownMethod(name, era, message.id);
  }
  if (!method.eras.includes(era)) throw unknownMethod(name, era, message.id);
  if (!mayBeFrom(method, from, era)) throw unknownMethod(name, era, message.id);
  if (method.kind !== message.kind) throw invalidRequest(`${shown(name)} is a ${method.kind}`, { id: message.id });
  return method;
}

/** Servers of the modern era send no requests: they ask in their results. */
function mayBeFrom(method: Method, from: Sender['from'], era: Era): boolean {
  if (from === 'server' && era === 'modern' && method.kind === 'request') return false;
  return method.from === 'both' || method.from === from;
}

/** Whether whoever has the capabilities has what the method needs. */
export function hasCapability(capabilities: Readonly<Record<string, unknown>>, method: Method): boolean {
  return method.capabilities.length === 0 || method.capabilities.some((path) => isThere(capabilities, path));
}

/** An object says yes by being there, however empty; a flag by being true. */
function isThere(capabilities: Readonly<Record<string, unknown>>, path: readonly string[]): boolean {
  let at: unknown = capabilities;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return false;
    at = at[name];
  }
  return at === true || isObject(at);
}
