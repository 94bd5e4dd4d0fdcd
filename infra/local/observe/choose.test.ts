import { describe, expect, test } from 'vitest';

import { candidates, choose } from './choose.ts';
import type { Found } from './find.ts';
import { NoPart, type PartName } from './parts.ts';
import type { OwnTraces } from './traces.ts';

const UNSET: OwnTraces = { to: 'unset' };
const ELSEWHERE: OwnTraces = { to: 'elsewhere', setting: 'OTEL_EXPORTER_OTLP_ENDPOINT', where: 'http://collector:4318' };

function found(names: readonly PartName[], docker?: 'docker'): Found {
  return { programs: Object.fromEntries(names.map((name) => [name, `/bin/${name}`])), docker: docker && '/bin/docker' };
}

/** What starts each part. */
function chosen(wish: readonly PartName[] | undefined, found: Found, own = UNSET) {
  const { parts, missing, idle } = choose(wish, own, found);
  return { parts: Object.fromEntries(Object.entries(parts).map(([name, { path }]) => [name, path])), missing, idle };
}

function why(title: string, name: string, how: string): string {
  return `${title} was asked for and is not there: put "${name}" on PATH (${how}), or start docker, which was not found or does not answer`;
}

describe('without a list', () => {
  test.each<[PartName[], PartName[]]>([
    [['prometheus', 'phoenix', 'jaeger'], []],
    [['prometheus', 'phoenix'], []],
    [['prometheus', 'jaeger'], []],
    [['phoenix'], ['prometheus']],
    [['prometheus'], ['phoenix', 'jaeger']],
    [[], ['prometheus', 'phoenix', 'jaeger']],
  ])('of %j all are started; missing: %j', (names, missing) => {
    expect(chosen(undefined, found(names))).toEqual({ parts: found(names).programs, missing, idle: [] });
  });

  test.each<[PartName[], Record<string, string>]>([
    [[], { prometheus: '/bin/docker', phoenix: '/bin/docker' }],
    [['prometheus'], { prometheus: '/bin/prometheus', phoenix: '/bin/docker' }],
    [['jaeger'], { prometheus: '/bin/docker', jaeger: '/bin/jaeger' }],
    [['phoenix'], { prometheus: '/bin/docker', phoenix: '/bin/phoenix' }],
  ])('beside %j docker runs what else is needed', (names, parts) => {
    expect(chosen(undefined, found(names, 'docker'))).toEqual({ parts, missing: [], idle: [] });
  });

  test('nothing takes traces that the user sends elsewhere', () => {
    expect(candidates(undefined, ELSEWHERE)).toEqual({ names: ['prometheus'], idle: ['phoenix', 'jaeger'] });
    expect(chosen(undefined, found(['prometheus', 'phoenix', 'jaeger'], 'docker'), ELSEWHERE)).toEqual({
      parts: { prometheus: '/bin/prometheus' },
      missing: [],
      idle: ['phoenix', 'jaeger'],
    });
    expect(chosen(undefined, found([], 'docker'), { to: 'off' })).toEqual({
      parts: { prometheus: '/bin/docker' },
      missing: [],
      idle: ['phoenix', 'jaeger'],
    });
  });
});

describe('with a list', () => {
  test('nothing else is started', () => {
    expect(chosen(['jaeger'], found(['prometheus', 'phoenix', 'jaeger']))).toEqual({
      parts: { jaeger: '/bin/jaeger' },
      missing: [],
      idle: [],
    });
  });

  test('docker runs what is not on PATH', () => {
    expect(chosen(['jaeger', 'phoenix'], found(['phoenix'], 'docker')).parts).toEqual({ jaeger: '/bin/docker', phoenix: '/bin/phoenix' });
  });

  test('everything that is not there is told, with how to get it', () => {
    expect(() => choose(['prometheus', 'phoenix', 'jaeger'], UNSET, found(['prometheus']))).toThrow(
      new NoPart(
        `${why('Phoenix', 'phoenix', 'pip install arize-phoenix')}\n${why('Jaeger', 'jaeger', 'https://www.jaegertracing.io/download')}`,
      ),
    );
  });

  test('what would take traces that go elsewhere is neither started nor missed', () => {
    expect(chosen(['phoenix'], found([]), ELSEWHERE)).toEqual({ parts: {}, missing: [], idle: ['phoenix'] });
  });
});
