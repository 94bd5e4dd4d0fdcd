import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';

import { findPorts } from '../ports.ts';
import { wantedPartPorts } from './ports.ts';
import { otlpOf, RUNS } from './runs.ts';

const ports = { prometheus: 9091, phoenix: 6007, phoenixGrpc: 40_001, jaeger: 16_687, jaegerGrpc: 40_002, jaegerOtlp: 4319 };
const platform = { tierOne: 1975, tierOneAdmin: 1066, tierTwo: 1976, tierTwoAdmin: 1067, podsSmall: 8000, podsLarge: 8005 };
const settings = { folder: '/s', ports, platform, forwards: false };
const program = { by: 'program', path: '/bin/x' } as const;

describe('Prometheus', () => {
  const { args, files, probe } = RUNS.prometheus(settings);

  test('scrapes both tiers and every pod, by their ports of this time', () => {
    const { scrape_configs: scrapes } = load(files['prometheus.yaml']!) as { scrape_configs: Scrape[] };
    expect(scrapes.map(({ job_name: name, static_configs: groups }) => [name, groups.flatMap(({ targets }) => targets)])).toEqual([
      ['tierkit-tier-one', ['127.0.0.1:1066']],
      ['tierkit-tier-two', ['127.0.0.1:1067']],
      ['vllm', ['127.0.0.1:8000', '127.0.0.1:8001', '127.0.0.1:8005']],
    ]);
  });

  test('reads the rules that lie beside its configuration, and keeps its data there', () => {
    const { rule_files: rules } = load(files['prometheus.yaml']!) as { rule_files: string[] };
    expect(Object.keys(files).sort()).toEqual(['prometheus.yaml', ...rules].sort());
    expect(args).toContain('--config.file=/s/prometheus/prometheus.yaml');
    expect(args).toContain('--storage.tsdb.path=/s/prometheus/data');
    expect([args.includes('--web.listen-address=127.0.0.1:9091'), probe]).toEqual([true, 'http://127.0.0.1:9091/-/ready']);
  });
});

interface Scrape {
  readonly job_name: string;
  readonly static_configs: readonly { readonly targets: readonly string[] }[];
}

test('Phoenix listens on loopback alone, calls nobody, and keeps its data in the folder', () => {
  expect(RUNS.phoenix(settings)).toMatchObject({
    env: {
      PHOENIX_HOST: '127.0.0.1',
      PHOENIX_PORT: '6007',
      PHOENIX_GRPC_PORT: '40001',
      PHOENIX_WORKING_DIR: '/s/phoenix',
      PHOENIX_TELEMETRY_ENABLED: 'false',
      PHOENIX_ALLOW_EXTERNAL_RESOURCES: 'false',
    },
    probe: 'http://127.0.0.1:6007/readyz',
  });
});

test.each([false, true])('Jaeger listens on loopback alone; hands on to Phoenix: %s', (forwards) => {
  const { files } = RUNS.jaeger({ ...settings, forwards });
  const config = files['jaeger.json']!;
  expect(JSON.parse(config)).toMatchObject({
    service: { pipelines: { traces: { exporters: forwards ? ['jaeger_storage_exporter', 'otlphttp'] : ['jaeger_storage_exporter'] } } },
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:4319' } } } },
  });
  expect(config.includes('"http://127.0.0.1:6007"')).toBe(forwards);
  const endpoints = [...config.matchAll(/"endpoint": "(?:http:\/\/)?([^":]+):\d+"/g)].map(([, host]) => host);
  expect(new Set(endpoints)).toEqual(new Set(['127.0.0.1']));
});

test('the tiers send to one part: to Jaeger, which hands on, where both run', () => {
  expect(otlpOf({}, ports)).toBeUndefined();
  expect(otlpOf({ prometheus: program }, ports)).toBeUndefined();
  expect(otlpOf({ phoenix: program }, ports)).toBe('http://127.0.0.1:6007');
  expect(otlpOf({ jaeger: program }, ports)).toBe('http://127.0.0.1:4319');
  expect(otlpOf({ phoenix: program, jaeger: program }, ports)).toBe('http://127.0.0.1:4319');
});

test('only parts that run have ports, no two the same', async () => {
  const first = { prometheus: 9090, phoenix: 6006, jaeger: 16_686, jaegerOtlp: 4318 };
  expect(wantedPartPorts({}, first)).toEqual({});
  expect(wantedPartPorts({ prometheus: program }, first)).toEqual({ prometheus: { process: 'prometheus', port: 9090 } });
  const all = Object.values(wantedPartPorts({ prometheus: program, phoenix: program, jaeger: program }, first));
  expect(all.map(({ port }) => port)).toEqual([9090, 6006, 0, 16_686, 0, 4318]);
  const found = await findPorts(all.map((wish) => ({ ...wish, port: 0 })));
  expect(new Set(found.map(({ port }) => port)).size).toBe(6);
});
