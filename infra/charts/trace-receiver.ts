import type { Settings } from '../settings.ts';
import type { PodLabels } from './labels.ts';
import { ANYWHERE, type Way } from './network.ts';
import { addService } from './objects.ts';
import type { Sheet } from './sheet.ts';
import { OUTSIDE, tracesCross } from './traces.ts';

/** A load balancer by which the model cluster sends its traces. */
export function addOutside(sheet: Sheet, settings: Settings, name: string, labels: PodLabels, port: number): void {
  if (!tracesCross(settings)) return;
  const annotations = settings.observability.outsideAnnotations;
  addService(sheet, {
    name: `${name}${OUTSIDE}`,
    labels,
    ports: { otlp: port },
    type: 'LoadBalancer',
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
}

/** Who may send traces, and who may look at them. Both may be one port. */
export function traceSenders(settings: Settings, otlp: number, ui: number): Way[] {
  const { namespaces, networkPolicies } = settings;
  const tiers = [namespaces.tierOne, namespaces.tierTwo, namespaces.observability].map((namespace) => ({ namespace }));
  const outside = tracesCross(settings) ? ANYWHERE : [];
  const lookers = [{ namespace: namespaces.observability }, ...networkPolicies.monitoring.map((namespace) => ({ namespace }))];
  return [
    { peers: [...tiers, ...outside], ports: [otlp] },
    { peers: lookers, ports: [ui] },
  ];
}
