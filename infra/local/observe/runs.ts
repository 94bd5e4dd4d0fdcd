import { join } from 'node:path';

import { dump } from 'js-yaml';

import { ALERTS } from '../../../observability/alerts/all.ts';
import { RECORDINGS } from '../../../observability/prometheus/recording.ts';
import { alertFile, recordingFile } from '../../../observability/prometheus/rule-files.ts';
import { scrapeConfig } from '../../../observability/prometheus/scrape-config.ts';
import { addressesOf, HOST, type Ports, SIMULATED } from '../plan.ts';
import type { Choice } from './choose.ts';
import type { PartName } from './parts.ts';
import type { PartPorts } from './ports.ts';

/** How a part is run. */
export interface Run {
  readonly args: readonly string[];
  /** Of its image, where docker runs it. @default `args` */
  readonly imageArgs?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it reads, by path in its folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Answers 200 when it is ready. */
  readonly probe: string;
}

export interface RunSettings {
  /** Of the session; each part has one of its own in it. */
  readonly folder: string;
  readonly ports: PartPorts;
  readonly platform: Ports;
  /** Whether Jaeger hands on to Phoenix what it takes. */
  readonly forwards: boolean;
}

export const RUNS: Readonly<Record<PartName, (settings: RunSettings) => Run>> = { prometheus, phoenix, jaeger };

/** OTLP over HTTP of the part that the tiers send to. Of two it is Jaeger: a collector, it sends to Phoenix as soon as that is ready. */
export function otlpOf({ phoenix, jaeger }: Choice['parts'], ports: PartPorts): string | undefined {
  if (jaeger !== undefined) return url(ports.jaegerOtlp);
  return phoenix === undefined ? undefined : url(ports.phoenix);
}

/** The environment of the tiers, with where feedback goes: to the Phoenix of this session, unless the user has another place for it. */
export function withFeedback(env: NodeJS.ProcessEnv, { parts }: Choice, { phoenix }: PartPorts): NodeJS.ProcessEnv {
  return parts.phoenix === undefined ? env : { TIERKIT_FEEDBACK_URL: url(phoenix), ...env };
}

function url(port: number): string {
  return `http://${HOST}:${port}`;
}

function at(port: number): object {
  return { endpoint: `${HOST}:${port}` };
}

function prometheus({ folder, ports, platform }: RunSettings): Run {
  const own = join(folder, 'prometheus');
  const config = scrapeConfig({
    interval: '5s',
    evaluationInterval: '15s',
    scrapes: [
      { role: 'tier-one', groups: [{ targets: [`${HOST}:${platform.tierOneAdmin}`] }] },
      { role: 'tier-two', groups: [{ targets: [`${HOST}:${platform.tierTwoAdmin}`] }] },
      {
        role: 'model-server',
        groups: SIMULATED.map((each) => ({
          targets: addressesOf(each, platform),
          labels: { inference_pool: each.model, pool_namespace: 'default' },
        })),
      },
    ],
  });
  return {
    args: [
      `--config.file=${join(own, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(own, 'data')}`,
      `--web.listen-address=${HOST}:${ports.prometheus}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    env: {},
    files: {
      'prometheus.yaml': dump(config, { noRefs: true }),
      'rules/recording.yaml': recordingFile(RECORDINGS),
      'rules/alerts.yaml': alertFile(ALERTS),
    },
    probe: `${url(ports.prometheus)}/-/ready`,
  };
}

function phoenix({ folder, ports }: RunSettings): Run {
  return {
    args: ['serve'],
    imageArgs: [],
    env: {
      PHOENIX_HOST: HOST,
      PHOENIX_PORT: String(ports.phoenix),
      PHOENIX_GRPC_PORT: String(ports.phoenixGrpc),
      PHOENIX_WORKING_DIR: join(folder, 'phoenix'),
      PHOENIX_TELEMETRY_ENABLED: 'false',
      PHOENIX_ALLOW_EXTERNAL_RESOURCES: 'false',
    },
    files: {},
    probe: `${url(ports.phoenix)}/readyz`,
  };
}

function jaeger({ folder, ports, forwards }: RunSettings): Run {
  const toPhoenix = {
    otlphttp: {
      endpoint: url(ports.phoenix),
      retry_on_failure: { initial_interval: '1s', max_interval: '5s', max_elapsed_time: '10m' },
    },
  };
  const exporters = { jaeger_storage_exporter: { trace_storage: 'memory' }, ...(forwards ? toPhoenix : {}) };
  const config = {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: Object.keys(exporters) } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
      // It would send traces of its own to port 4317, whoever listens there, and wait for that when it ends.
      jaeger_query: { enable_tracing: false, storage: { traces: 'memory' }, http: at(ports.jaeger), grpc: at(ports.jaegerGrpc) },
    },
    receivers: { otlp: { protocols: { http: at(ports.jaegerOtlp) } } },
    exporters,
  };
  return {
    args: ['--config', `file:${join(folder, 'jaeger', 'jaeger.json')}`],
    env: {},
    files: { 'jaeger.json': JSON.stringify(config, undefined, 2) },
    probe: `${url(ports.jaeger)}/api/v3/services`,
  };
}
