import { type InClusterObserver, type Settings } from '../settings.ts';
import { addPolicy, ANYWHERE, DNS, type Way } from './network.ts';
import { addConfigMap, addService } from './objects.ts';
import { dataMount, emptyPart, observerLabels, observerSheet } from './observability.ts';
import { JAEGER_UI as UI, observerPeer, observerUrl, PHOENIX_PORT } from './observer-names.ts';
import type { Part } from './part.ts';
import { addOutside, traceSenders } from './trace-receiver.ts';
import { mibOf } from './quantity.ts';
import { receiverOf } from './traces.ts';
import { addWorkload } from './workload.ts';

const OTLP = 4318;
const CONFIG = '/etc/jaeger';
const DATA = '/data';
/** Of a chat through both tiers, some 14 KB in memory each: half of the pod's memory, as Go's collector needs as much again. */
const TRACES_PER_MIB = 30;

/** Jaeger v2. It keeps traces, and hands them on to Phoenix where both are there. */
export function jaegerPart(settings: Settings, namespacePart: string): Part | undefined {
  const { observability, images, namespaces } = settings;
  const { jaeger, phoenix } = observability;
  if (jaeger.mode !== 'in-cluster') return undefined;
  const sheet = observerSheet(settings, 'jaeger');
  const labels = observerLabels(settings, 'jaeger');
  const forwardsTo = forwardedTo(settings);
  const config = configuration(jaeger, forwardsTo);
  addConfigMap(sheet, 'jaeger', { 'jaeger.json': config });
  addService(sheet, { name: 'jaeger', labels, ports: { otlp: OTLP, ui: UI } });
  if (receiverOf(settings)?.part === 'jaeger') addOutside(sheet, settings, 'jaeger', labels, OTLP);
  addWorkload(sheet, settings, {
    name: 'jaeger',
    labels,
    image: images.jaeger,
    args: [`--config=file:${CONFIG}/jaeger.json`],
    ports: { otlp: OTLP, ui: UI },
    mounts: [
      { path: CONFIG, configMap: 'jaeger' },
      ...(jaeger.storage === undefined ? [] : [dataMount(sheet, settings, 'jaeger', DATA, jaeger)]),
    ],
    startsWith: config,
    resources: jaeger.resources,
    replicas: 1,
    live: { tcp: OTLP },
    ready: { path: '/api/v3/services', port: UI },
    drainSeconds: 20,
    leaves: false,
    user: 10_001,
    recreate: true,
  });
  if (settings.networkPolicies.enabled) {
    const toPhoenix: Way = { peers: [observerPeer(namespaces, 'phoenix')], ports: [PHOENIX_PORT] };
    const outside: Way = { peers: ANYWHERE, ports: [80, 443, 4318, PHOENIX_PORT] };
    addPolicy(sheet, 'jaeger', labels, {
      from: traceSenders(settings, OTLP, UI),
      to: forwardsTo === undefined ? [] : [DNS, phoenix.mode === 'in-cluster' ? toPhoenix : outside],
    });
  }
  return { ...emptyPart('jaeger', 'gateway'), needs: [namespacePart], manifests: sheet.manifests() };
}

/** Base URL of the Phoenix that it hands its traces to. */
function forwardedTo({ observability, namespaces }: Settings): string | undefined {
  const { phoenix, traces } = observability;
  if (traces !== 'jaeger' || phoenix.mode === 'off') return undefined;
  return phoenix.mode === 'external' ? phoenix.endpoint : observerUrl(namespaces, 'phoenix', PHOENIX_PORT);
}

function configuration({ storage, resources }: InClusterObserver, forwardsTo: string | undefined): string {
  const badger = { directories: { keys: `${DATA}/keys`, values: `${DATA}/values` }, ephemeral: false, ttl: { spans: '168h' } };
  const memory = { max_traces: Math.floor(mibOf(resources.memory) * TRACES_PER_MIB) };
  const receivers = ['otlp'];
  const toPhoenix = {
    // Apart from the other: where Phoenix is slower than the traces come, its part of them is dropped, and no sender sends them all again.
    'traces/phoenix': { receivers, processors: ['memory_limiter', 'batch'], exporters: ['otlphttp'] },
  };
  const config = {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: {
        traces: { receivers, processors: ['memory_limiter'], exporters: ['jaeger_storage_exporter'] },
        ...(forwardsTo === undefined ? {} : toPhoenix),
      },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
    extensions: {
      jaeger_storage: { backends: { traces: storage === undefined ? { memory } : { badger } } },
      // It would send traces of its own to port 4317, whoever listens there.
      jaeger_query: { enable_tracing: false, storage: { traces: 'traces' }, http: everyone(UI) },
    },
    receivers: { otlp: { protocols: { http: everyone(OTLP) } } },
    processors: {
      // What comes too fast is refused, and dropped by who sends it, before the process is killed for its memory.
      memory_limiter: { check_interval: '1s', limit_percentage: 80, spike_limit_percentage: 20 },
      ...(forwardsTo === undefined ? {} : { batch: {} }),
    },
    exporters: {
      jaeger_storage_exporter: { trace_storage: 'traces' },
      ...(forwardsTo === undefined
        ? {}
        : {
            otlphttp: {
              endpoint: forwardsTo,
              retry_on_failure: { initial_interval: '1s', max_interval: '30s', max_elapsed_time: '10m' },
              // Batches of up to a megabyte or so.
              sending_queue: { queue_size: 32 },
            },
          }),
    },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function everyone(port: number): object {
  return { endpoint: `0.0.0.0:${port}` };
}
