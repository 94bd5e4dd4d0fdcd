import { expect, it } from 'vitest';

import { defineKind, type KindDefinition, type Resource } from './kind.ts';
import { object } from './schema.ts';
import { ResourceSet } from './set.ts';

const define = (group: string, namespaced = true): KindDefinition =>
  defineKind({ kind: 'Thing', group, versions: ['v1', 'v2'], namespaced, schema: object({}), refused: {} });
const now = define('new.example');
const former = define('old.example');
const core = define('');

function resource(apiVersion: string, name: string, namespace = 'n'): Resource {
  const metadata = { name, namespace, labels: {}, annotations: {}, creationTimestamp: undefined };
  return { apiVersion, kind: 'Thing', metadata, body: {}, source: { file: 'f', document: 1, line: 1 } };
}

it('keeps kinds of one name apart by their group, and versions not', () => {
  const set = new ResourceSet();
  const [a, b, c] = [resource('new.example/v1', 'a'), resource('old.example/v1', 'a'), resource('v1', 'a')];
  expect([set.add(a), set.add(b), set.add(c)]).toEqual([undefined, undefined, undefined]);
  expect(set.add(resource('new.example/v2', 'a'))).toBe(a);
  expect([set.all(now), set.all(former), set.all(core)]).toEqual([[a], [b], [c]]);
  expect([set.get(now, 'n', 'a'), set.get(former, 'n', 'a'), set.get(core, 'n', 'a')]).toEqual([a, b, c]);
  expect(set.get(now, 'm', 'a')).toBeUndefined();
  expect(set.size).toBe(3);
});

it('finds what has no namespace, whatever namespace is asked for', () => {
  const set = new ResourceSet();
  const thing = resource('new.example/v1', 'a', '');
  set.add(thing);
  expect(set.get(define('new.example', false), 'n', 'a')).toBe(thing);
});

it('takes the bare name of a kind for that kind of any group, and a group for that group', () => {
  const set = new ResourceSet();
  set.add(resource('new.example/v1', 'good'));
  set.add(resource('new.example/v1', 'elsewhere', 'nn'));
  set.addInvalid({ group: 'old.example', kind: 'Thing', namespace: 'n', name: 'bad', targets: [], spec: {} });
  expect(set.names('Thing', 'n')).toEqual(['good', 'bad']);
  expect([set.names(now, 'n'), set.names(former, 'n'), set.names(core, 'n'), set.names('Other', 'n')]).toEqual([['good'], ['bad'], [], []]);
  expect([set.isInvalid('Thing', 'n', 'bad'), set.isInvalid(former, 'n', 'bad'), set.isInvalid(now, 'n', 'bad')]).toEqual([
    true,
    true,
    false,
  ]);
  expect([set.isInvalid('Thing', 'n', 'good'), set.isInvalid('Thing', 'nn', 'bad')]).toEqual([false, false]);
  expect([set.size, set.all(former)]).toEqual([2, []]);
});
