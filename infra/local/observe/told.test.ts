import { expect, test } from 'vitest';

import { partNotes, partServices } from './told.ts';

const platform = { tierOne: 1, tierOneAdmin: 1064, tierTwo: 3, tierTwoAdmin: 4, podsSmall: 5, podsLarge: 7 };
const ports = { prometheus: 9090, phoenix: 6007, phoenixGrpc: 1, jaeger: 16686, jaegerGrpc: 2, jaegerOtlp: 3 };
const program = { by: 'program', path: '/bin/x' } as const;
const docker = { by: 'docker', path: '/bin/docker' } as const;

test('the table has the parts that run, and says which of them is not ready yet', () => {
  const services = partServices({ phoenix: program, prometheus: program }, ports, 'shop', (part) => part === 'prometheus');
  expect(services.map(({ service, where }) => [service, where])).toEqual([
    ['prometheus', 'http://127.0.0.1:9090'],
    ['phoenix', 'http://127.0.0.1:6007'],
  ]);
  expect(services[0]!.what).toMatch(/alerts$/);
  expect(services[1]!.what).toBe('traces as conversations, in the project shop (still starting)');
});

test('what is missing is told in one line each, with what there is instead', () => {
  const choice = { parts: {}, missing: ['prometheus', 'phoenix', 'jaeger'], idle: [] } as const;
  expect(partNotes(choice, { to: 'unset' }, platform)).toEqual([
    'There is no Prometheus (https://prometheus.io/download), and no docker that answers: metrics are at http://127.0.0.1:1064/metrics',
    'There is no Phoenix (pip install arize-phoenix), no Jaeger (https://www.jaegertracing.io/download), and no docker that answers: traces are on the status page: http://127.0.0.1:1064/',
  ]);
});

test('of two that take traces one will do', () => {
  expect(partNotes({ parts: { phoenix: program, prometheus: program }, missing: [], idle: [] }, { to: 'unset' }, platform)).toEqual([]);
});

test('it is said what docker runs, and who gets the traces instead', () => {
  const own = { to: 'elsewhere', setting: 'OTEL_EXPORTER_OTLP_ENDPOINT', where: 'http://x:4318' } as const;
  expect(partNotes({ parts: { prometheus: docker }, missing: [], idle: ['phoenix', 'jaeger'] }, own, platform)).toEqual([
    'Prometheus runs in docker (prom/prometheus:v3.16.0): an image that is not there yet is fetched first',
    'Phoenix and Jaeger are not started: traces go to http://x:4318, as OTEL_EXPORTER_OTLP_ENDPOINT says',
  ]);
  expect(partNotes({ parts: { prometheus: program }, missing: [], idle: ['phoenix'] }, { to: 'off' }, platform)).toEqual([
    'Phoenix is not started: the settings OTEL_… turn traces off',
  ]);
});
