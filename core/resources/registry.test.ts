import { expect, it } from 'vitest';

import { defineKind, type KindDefinition } from './kind.ts';
import { KindRegistry } from './registry.ts';
import { object } from './schema.ts';

const define = (group: string, kind: string): KindDefinition =>
  defineKind({ kind, group, versions: ['v1'], namespaced: true, schema: object({}), refused: {} });
const core = define('', 'Service');
const knative = define('serving.knative.dev', 'Service');
const gateway = define('gateway.networking.k8s.io', 'Gateway');
const registry = new KindRegistry([knative, gateway, core]);

it('tells kinds of one name apart by their group', () => {
  expect(registry.get('', 'Service')).toBe(core);
  expect(registry.get('serving.knative.dev', 'Service')).toBe(knative);
  expect([registry.get('', 'Gateway'), registry.get('example.com', 'Service'), registry.get('', 'constructor')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

it('lists the groups of a name in the order of the definitions, and each name once', () => {
  expect(registry.named('Service')).toEqual([knative, core]);
  expect(registry.named('Nothing')).toEqual([]);
  expect(registry.names()).toEqual(['Service', 'Gateway']);
});

it('refuses a second definition, which the first would hide', () => {
  expect(() => new KindRegistry([core, gateway, define('', 'Service')])).toThrow('two definitions of Service of the core group');
});
