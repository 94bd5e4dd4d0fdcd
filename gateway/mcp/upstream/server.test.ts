import { expect, test } from 'vitest';

import { headersFor, type McpServer, pathFor } from './server.ts';

const server = (more: Partial<McpServer>): McpServer => ({
  name: 'one',
  backend: undefined as never,
  path: '/mcp',
  credential: undefined,
  forwardHeaders: [],
  ...more,
});

test('of the client only the headers that are named go on, under the names that they get', () => {
  const one = server({ forwardHeaders: [{ name: 'X-Tenant', as: 'X-Team' }] });
  const client = { 'x-tenant': 'a', authorization: 'Bearer of-the-client', cookie: 'c', 'x-other': 'b', 'x-api-key': 'k' };
  expect(headersFor(one, client)).toEqual(['x-team', 'a']);
});

test("the client's own authorization goes on where it is named, and not beside a credential of that name", () => {
  const forwardHeaders = [{ name: 'authorization', as: 'authorization' }];
  const client = { authorization: 'Bearer of-the-client' };
  expect(headersFor(server({ forwardHeaders }), client)).toEqual(['authorization', 'Bearer of-the-client']);
  const credential = { header: 'Authorization', value: 'Bearer of-the-gateway' };
  expect(headersFor(server({ forwardHeaders, credential }), client)).toEqual(['authorization', 'Bearer of-the-gateway']);
});

test('the credential is the last header, and repeated headers all go on', () => {
  const one = server({ forwardHeaders: [{ name: 'x-a', as: 'x-a' }], credential: { header: 'x-api-key', value: 'secret' } });
  expect(headersFor(one, { 'x-a': ['1', '2'] as never })).toEqual(['x-a', '1', 'x-a', '2', 'x-api-key', 'secret']);
});

test.each(['mcp-session-id', 'content-length', 'host', 'accept-encoding', 'last-event-id', 'x-tierkit-route', 'connection', 'mcp-name'])(
  'no header of the client goes on as %s',
  (as) => expect(headersFor(server({ forwardHeaders: [{ name: 'x-a', as }] }), { 'x-a': '1' })).toEqual([]),
);

test('a credential of the query joins the path, and stands for a parameter of its name', () => {
  const credential = { queryParam: 'api key', value: 'a&b=c' };
  expect(pathFor(server({ credential }))).toBe('/mcp?api%20key=a%26b%3Dc');
  expect(pathFor(server({ credential, path: '/mcp?x=1&api%20key=old&y=a?b' }))).toBe('/mcp?x=1&y=a?b&api%20key=a%26b%3Dc');
  expect(headersFor(server({ credential }), {})).toEqual([]);
  expect(pathFor(server({ path: '/mcp?x=1' }))).toBe('/mcp?x=1');
});
