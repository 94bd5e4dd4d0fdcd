import { madeYaml } from '../made.ts';
import { podMonitor, serviceMonitor } from './operator/monitor.ts';
import { prometheusRule } from './operator/rule.ts';
import { scrapeConfig } from './scrape-config.ts';
import { ROLES, TARGETS } from './targets.ts';

const local = (port: number): string => `127.0.0.1:${port}`;
const pods = (pool: string, ...ports: number[]) => ({
  targets: ports.map(local),
  labels: { inference_pool: pool, pool_namespace: 'default' },
});

/** What `tierkit up` runs. */
export const LOCAL = scrapeConfig({
  scrapes: [
    ...(['tier-one', 'tier-two'] as const).map((role) => ({ role, groups: [{ targets: [local(TARGETS[role].port)] }] })),
    // The model servers themselves: dashboards show their own view beside the picker's.
    { role: 'model-server', groups: [pods('demo-small', 8000, 8001), pods('demo-large', 8002)] },
  ],
});

/** A cluster whose pods carry the labels of {@link TARGETS}. */
export const KUBERNETES = scrapeConfig({ scrapes: ROLES.map((role) => ({ role })) });

const FROM = 'observability/prometheus';

/** Files that can be used as they are, by their path from the root of the repository. */
export const READY: ReadonlyMap<string, string> = new Map([
  ['observability/prometheus/prometheus.yaml', madeYaml(FROM, LOCAL)],
  ['observability/prometheus/prometheus-kubernetes.yaml', madeYaml(FROM, KUBERNETES)],
  ['observability/prometheus/operator/pod-monitors.yaml', madeYaml(`${FROM}/operator`, ...ROLES.map((role) => podMonitor({ role })))],
  [
    'observability/prometheus/operator/service-monitors.yaml',
    madeYaml(`${FROM}/operator`, ...ROLES.filter((role) => role !== 'model-server').map((role) => serviceMonitor({ role }))),
  ],
  ['observability/prometheus/operator/prometheus-rule.yaml', madeYaml(`${FROM}/operator`, prometheusRule())],
]);
