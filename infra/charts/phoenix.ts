import type { Settings } from '../settings.ts';
import { addPolicy } from './network.ts';
import { addService } from './objects.ts';
import { dataMount, emptyPart, observerLabels, observerSheet } from './observability.ts';
import { PHOENIX_PORT as PORT } from './observer-names.ts';
import type { Part } from './part.ts';
import { mibOf } from './quantity.ts';
import { addOutside, traceSenders } from './trace-receiver.ts';
import { receiverOf } from './traces.ts';
import { addWorkload } from './workload.ts';

const DATA = '/data';
/** What Phoenix takes for itself. */
const OWN_MIB = 400;
/** Spans with their inputs and outputs take some 15 KB each until they are stored. */
const SPANS_PER_MIB = 20;
const MOST_SPANS = 20_000;

/** Spans that Phoenix takes before the first of them are stored. It refuses further ones, where by its own default it is killed for its memory. */
function queuedSpans(memory: string): number {
  const free = mibOf(memory) - OWN_MIB;
  return Math.min(MOST_SPANS, Math.max(512, Math.floor(free * SPANS_PER_MIB)));
}

export function phoenixPart(settings: Settings, namespacePart: string): Part | undefined {
  const { observability, images } = settings;
  const { phoenix } = observability;
  if (phoenix.mode !== 'in-cluster') return undefined;
  const sheet = observerSheet(settings, 'phoenix');
  const labels = observerLabels(settings, 'phoenix');
  addService(sheet, { name: 'phoenix', labels, ports: { http: PORT } });
  if (receiverOf(settings)?.part === 'phoenix') addOutside(sheet, settings, 'phoenix', labels, PORT);
  addWorkload(sheet, settings, {
    name: 'phoenix',
    labels,
    image: images.phoenix,
    args: [],
    env: {
      PHOENIX_HOST: '0.0.0.0',
      PHOENIX_PORT: String(PORT),
      PHOENIX_WORKING_DIR: DATA,
      PHOENIX_TELEMETRY_ENABLED: 'false',
      PHOENIX_ALLOW_EXTERNAL_RESOURCES: 'false',
      PHOENIX_MAX_SPANS_QUEUE_SIZE: String(queuedSpans(phoenix.resources.memory)),
      HOME: '/tmp',
    },
    ports: { http: PORT },
    mounts: [dataMount(sheet, settings, 'phoenix', DATA, phoenix)],
    resources: phoenix.resources,
    replicas: 1,
    live: { path: '/healthz', port: PORT },
    ready: { path: '/readyz', port: PORT },
    // It brings its database up to date first.
    startTries: 150,
    drainSeconds: 20,
    leaves: false,
    recreate: true,
  });
  if (settings.networkPolicies.enabled) addPolicy(sheet, 'phoenix', labels, { from: traceSenders(settings, PORT, PORT) });
  return { ...emptyPart('phoenix', 'gateway'), needs: [namespacePart], manifests: sheet.manifests() };
}
