import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { FakeApiServer } from './api-server.fixture.ts';
import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './error.ts';
import { type KubernetesObject, pathOf, resourceName, type ResourceType, targetOf } from './resource.ts';
import { until } from './time.fixture.ts';

const ROUTE: ResourceType = { group: 'g.dev', version: 'v1', kind: 'Route', plural: 'routes', namespaced: true };
const CLASS: ResourceType = { group: '', version: 'v1', kind: 'Class', plural: 'classes', namespaced: false };
const route = (name: string, rest: object = {}): KubernetesObject => ({
  apiVersion: 'g.dev/v1',
  kind: 'Route',
  metadata: { name, namespace: 'a' },
  ...rest,
});

let server: FakeApiServer;
let client: KubernetesClient;

beforeEach(async () => {
  server = await FakeApiServer.start(ROUTE, CLASS);
  client = await server.client({ timeoutMs: 2000 });
});
afterEach(async () => {
  await client.close();
  await server.leave();
});

const failure = async (work: Promise<unknown>): Promise<KubernetesError> => {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(KubernetesError);
    return error as KubernetesError;
  }
  throw new Error('did not fail');
};

it('reads paths as it writes them', () => {
  const place = { namespace: 'a', name: 'x', subresource: 'status' };
  expect(pathOf(ROUTE, place)).toBe('/apis/g.dev/v1/namespaces/a/routes/x/status');
  expect(targetOf('PUT', pathOf(ROUTE, place))).toEqual({ verb: 'update', group: 'g.dev', version: 'v1', plural: 'routes', ...place });
  expect(pathOf(CLASS, { namespace: 'a', name: 'system:x' })).toBe('/api/v1/classes/system%3Ax');
  expect(targetOf('GET', '/api/v1/classes/system%3Ax')).toMatchObject({
    verb: 'get',
    plural: 'classes',
    name: 'system:x',
    namespace: undefined,
  });
  expect(targetOf('GET', '/api/v1/namespaces/a')).toMatchObject({ verb: 'get', plural: 'namespaces', name: 'a', namespace: undefined });
  expect(targetOf('GET', '/api/v1/namespaces')).toMatchObject({ verb: 'list', plural: 'namespaces' });
  expect(targetOf('GET', '/apis/g.dev/v1/routes', true)).toMatchObject({ verb: 'watch', namespace: undefined, name: undefined });
  expect(targetOf('GET', '/apis/g.dev/v1')).toMatchObject({ group: 'g.dev', version: 'v1', plural: '' });
  expect(resourceName(targetOf('GET', '/api/v1/pods'))).toBe('pods');
});

it('creates, reads, writes, patches, applies, deletes', async () => {
  const made = await client.create(ROUTE, route('r', { spec: { x: 1 } }));
  expect(made.metadata.resourceVersion).toBe('2');
  expect(await client.get(ROUTE, { namespace: 'a', name: 'r' })).toMatchObject({ spec: { x: 1 } });
  await client.replace(ROUTE, { ...made, status: { ok: true } }, 'status');
  await client.mergePatch(ROUTE, { namespace: 'a', name: 'r' }, { metadata: { labels: { a: 'b' } } });
  await client.apply(ROUTE, route('s'), { fieldManager: 'me', subresource: 'status' });
  await client.delete(ROUTE, { namespace: 'a', name: 'r' }, { uid: made.metadata.uid });
  const sent = server.seen.map(({ verb, name, subresource, headers, query }) => [
    `${verb} ${name ?? ''} ${subresource ?? ''}`,
    headers['content-type'],
    query.toString(),
  ]);
  expect(sent).toEqual([
    ['create  ', 'application/json', ''],
    ['get r ', undefined, ''],
    ['update r status', 'application/json', ''],
    ['patch r ', 'application/merge-patch+json', ''],
    ['patch s status', 'application/apply-patch+yaml', 'fieldManager=me&force=true'],
    ['delete r ', 'application/json', ''],
  ]);
  expect(JSON.parse(server.seen[5]!.body)).toEqual({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: made.metadata.uid } });
  expect(server.seen.every(({ headers }) => headers.authorization === 'Bearer secret-token')).toBe(true);
});

it('says what is missing, conflicts, and is not served', async () => {
  expect(await failure(client.get(ROUTE, { namespace: 'a', name: 'r' }))).toMatchObject({
    status: 404,
    reason: 'NotFound',
    notFound: true,
    notServed: false,
    verb: 'get',
    resource: 'routes.g.dev',
    namespace: 'a',
    objectName: 'r',
    message: 'get routes.g.dev r in namespace a failed with 404: routes "r": NotFound',
  });
  const made = await client.create(ROUTE, route('r'));
  await client.replace(ROUTE, made);
  expect(await failure(client.replace(ROUTE, made))).toMatchObject({ status: 409, reason: 'Conflict', conflict: true });
  const old = { ...ROUTE, version: 'v9' };
  expect(await failure(client.list(old))).toMatchObject({
    status: 404,
    notServed: true,
    notFound: false,
    message: 'the cluster does not serve routes of g.dev/v9: install its CRDs',
  });
  expect(await failure(client.get(old, { namespace: 'a', name: 'r' }))).toMatchObject({ notServed: true });
});

it('says which right is missing, and leaves the words of an admission plugin as they are', async () => {
  server.denied.add('patch routes.g.dev');
  expect((await failure(client.apply(ROUTE, route('r'), { fieldManager: 'me', subresource: 'status' }))).message).toBe(
    'this service account (system:serviceaccount:apps:narrow) may not patch routes.g.dev/status r in namespace a: grant verb patch on resource routes/status of group g.dev',
  );
  server.denied.add('list classes');
  expect((await failure(client.list(CLASS))).message).toContain(
    'may not list classes: grant verb list on resource classes of the core group ("")',
  );
  const body = { message: 'exceeded quota: q', reason: 'Forbidden' };
  server.faults.push({ verb: 'create', fault: { act: 'status', status: 403, body } });
  expect((await failure(client.create(ROUTE, route('r')))).message).toBe(
    'create routes.g.dev in namespace a is refused: exceeded quota: q',
  );
});

const answer = (headers: Record<string, string>, body: object = {}) =>
  server.faults.push({ verb: 'list', fault: { act: 'status', status: 429, headers, body } });

it('reads Retry-After as seconds, as a date, and from the body', async () => {
  answer({ 'retry-after': '3' });
  expect((await failure(client.list(ROUTE))).retryAfterMs).toBe(3000);
  answer({ 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() });
  expect((await failure(client.list(ROUTE))).retryAfterMs).toBeGreaterThan(3_500_000);
  answer({}, { details: { retryAfterSeconds: 4 } });
  expect((await failure(client.list(ROUTE))).retryAfterMs).toBe(4000);
  answer({ 'retry-after': 'soon' });
  expect((await failure(client.list(ROUTE))).retryAfterMs).toBeUndefined();
});

it('tries once more with fresh credentials', async () => {
  const tokenFile = join(mkdtempSync(join(tmpdir(), 'token-')), 'token');
  writeFileSync(tokenFile, 'old');
  const rotating = await server.client({}, { tokenFile });
  await rotating.list(ROUTE);
  writeFileSync(tokenFile, 'new');
  server.faults.push({ verb: 'list', fault: { act: 'status', status: 401 } });
  await rotating.list(ROUTE);
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer old', 'Bearer new']);
  await rotating.close();
  server.seen.length = 0;
  server.faults.push({ verb: 'list', fault: { act: 'status', status: 401 } });
  await client.list(ROUTE);
  expect(server.count('list')).toBe(2);
  server.faults.push({ verb: 'list', times: 3, fault: { act: 'status', status: 401 } });
  expect((await failure(client.list(ROUTE))).message).toContain('does not accept our credentials (list routes.g.dev)');
  expect(server.count('list')).toBe(4);
});

it('gives up on a server that hangs or cuts, and tells an end of its own', async () => {
  server.faults.push({ verb: 'list', fault: { act: 'hang' } });
  expect(await failure(client.request('GET', '/apis/g.dev/v1/routes', { timeoutMs: 30 }))).toMatchObject({
    status: 0,
    reason: 'Timeout',
    unreachable: true,
  });
  server.faults.push({ verb: 'list', fault: { act: 'cut' } });
  expect((await failure(client.list(ROUTE))).message).toBe(
    `the Kubernetes API at ${server.url} cannot be reached: the connection was cut (list routes.g.dev)`,
  );
  server.faults.push({ verb: 'list', fault: { act: 'cut', afterBytes: 5 } });
  expect(await failure(client.list(ROUTE))).toMatchObject({ reason: 'Unreachable' });
  server.faults.push({ verb: 'list', fault: { act: 'status', status: 200, body: '<html>' } });
  expect((await failure(client.list(ROUTE))).message).toContain('is no JSON: is this a Kubernetes API?');
  await server.leave();
  expect((await failure(client.list(ROUTE))).message).toContain('nothing listens there (connection refused)');
});

it('counts watches, so that other requests always find a connection', async () => {
  const narrow = await server.client({ maxWatches: 2, maxRequests: 1 });
  const query = { resourceVersion: '1' };
  const streams = await Promise.all([narrow.watch(ROUTE, undefined, query), narrow.watch(ROUTE, undefined, query)]);
  expect(await failure(narrow.watch(ROUTE, undefined, query))).toMatchObject({ reason: 'TooManyWatches' });
  await Promise.all(Array.from({ length: 5 }, () => narrow.list(ROUTE)));
  expect(await server.connections()).toBe(3);
  streams[0].close();
  await until(() => narrow.watches === 1);
  server.faults.push({ verb: 'watch', fault: { act: 'status', status: 500 } });
  await failure(narrow.watch(ROUTE, undefined, query));
  expect(narrow.watches).toBe(1);
  server.cutWatches();
  await until(() => narrow.watches === 0);
  await narrow.close();
});

it('keeps connections for the next request', async () => {
  for (let index = 0; index < 9; index++) await client.list(ROUTE);
  // The pool opens a second one when the next request comes in the same turn in which an answer ends.
  expect(await server.connections()).toBeLessThanOrEqual(2);
});
