import { expect, it, test } from 'vitest';

import { type RpcMessage, readMessage } from './message.ts';
import { hasCapability, type Method, METHODS, methodOf } from './methods.ts';

function message(name: string, kind: 'request' | 'notification' = 'request'): RpcMessage {
  return readMessage(Buffer.from(`{"jsonrpc":"2.0",${kind === 'request' ? '"id":1,' : ''}"method":${JSON.stringify(name)}}`));
}

const ALL = [...METHODS.values()];

/** The unions ClientRequest, ClientNotification, ServerRequest and ServerNotification of each revision's schema.ts. */
const SCHEMAS = {
  'legacy client request':
    'completion/complete initialize logging/setLevel ping prompts/get prompts/list resources/list resources/read resources/subscribe ' +
    'resources/templates/list resources/unsubscribe tasks/cancel tasks/get tasks/list tasks/result tools/call tools/list',
  'legacy client notification':
    'notifications/cancelled notifications/initialized notifications/progress notifications/roots/list_changed notifications/tasks/status',
  'legacy server request': 'elicitation/create ping roots/list sampling/createMessage tasks/cancel tasks/get tasks/list tasks/result',
  'legacy server notification':
    'notifications/cancelled notifications/elicitation/complete notifications/message notifications/progress ' +
    'notifications/prompts/list_changed notifications/resources/list_changed notifications/resources/updated notifications/tasks/status ' +
    'notifications/tools/list_changed',
  'modern client request':
    'completion/complete prompts/get prompts/list resources/list resources/read resources/templates/list server/discover ' +
    'subscriptions/listen tasks/cancel tasks/get tasks/update tools/call tools/list',
  'modern server request': '',
  'modern server notification':
    'notifications/cancelled notifications/message notifications/progress notifications/prompts/list_changed ' +
    'notifications/resources/list_changed notifications/resources/updated notifications/subscriptions/acknowledged notifications/tasks ' +
    'notifications/tools/list_changed',
} as const;

test.each(Object.entries(SCHEMAS))('a %s is one of the schema, and no other', (who, names) => {
  const [era, from, kind] = who.split(' ') as ['legacy' | 'modern', 'client' | 'server', 'request' | 'notification'];
  const taken = ALL.filter((method) => {
    try {
      return methodOf(message(method.name, kind), { from, era, hasOneServer: true }) === method;
    } catch {
      return false;
    }
  });
  expect(taken.map(({ name }) => name).sort()).toEqual(names === '' ? [] : names.split(' ').sort());
});

test.each(ALL.map((method) => [method.name, method] as const))('%s is described without contradiction', (name, method: Method) => {
  expect(method.kind).toBe(name.startsWith('notifications/') ? 'notification' : 'request');
  expect(method.list === undefined || method.scope === 'all servers').toBe(true);
  expect(method.subject === undefined || method.scope === 'one server').toBe(true);
  expect(method.hasNameHeader && method.subject === undefined).toBe(false);
  expect(hasCapability({}, method)).toBe(method.capabilities.length === 0);
});

it('requires a name in the headers of exactly the methods that the specification lists', () => {
  expect(
    ALL.filter(({ hasNameHeader }) => hasNameHeader)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['prompts/get', 'resources/read', 'tasks/cancel', 'tasks/get', 'tasks/update', 'tools/call']);
});

it('passes an unknown method to the only server, and refuses it where there are several', () => {
  for (const name of ['x/y', 'constructor', '__proto__', '']) {
    expect(methodOf(message(name), { from: 'client', era: 'modern', hasOneServer: true })).toBeUndefined();
    expect(() => methodOf(message(name), { from: 'client', era: 'modern', hasOneServer: false })).toThrow(
      expect.objectContaining({ code: -32601, httpStatus: 404, id: '1' }),
    );
  }
});

test.each(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'initialize', 'tasks/list', 'tasks/result'])(
  '%s is gone in the modern era',
  (name) => {
    expect(() => methodOf(message(name), { from: 'client', era: 'modern', hasOneServer: true })).toThrow(
      expect.objectContaining({ code: -32601, httpStatus: 404 }),
    );
  },
);

it('refuses a request without an id, and a notification with one', () => {
  const sender = { from: 'client', era: 'legacy', hasOneServer: true } as const;
  expect(() => methodOf(message('tools/call', 'notification'), sender)).toThrow(expect.objectContaining({ code: -32600 }));
  expect(() => methodOf(message('notifications/initialized'), sender)).toThrow(expect.objectContaining({ code: -32600, id: '1' }));
});

it('knows what a server can', () => {
  const [call, subscribe, get] = ['tools/call', 'resources/subscribe', 'tasks/get'].map((name) => METHODS.get(name)!) as [
    Method,
    Method,
    Method,
  ];
  expect(hasCapability({ tools: {} }, call)).toBe(true);
  expect(hasCapability({ resources: { subscribe: false } }, subscribe)).toBe(false);
  expect(hasCapability({ resources: { subscribe: true } }, subscribe)).toBe(true);
  expect(hasCapability({ tasks: {} }, get)).toBe(true);
  expect(hasCapability({ extensions: { 'io.modelcontextprotocol/tasks': {} } }, get)).toBe(true);
  expect(hasCapability({ extensions: {} }, get)).toBe(false);
});
