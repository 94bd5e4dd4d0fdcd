import { describe, expect, it } from 'vitest';

import { allAlerts } from '../../alerts/all.ts';
import { faultsOf, WITHOUT_CRDS } from '../../crds.fixture.ts';
import { RECORDINGS } from '../recording.ts';
import { labelsOf, type Role, ROLES } from '../targets.ts';
import { type PodMonitor, podMonitor, type ServiceMonitor, serviceMonitor } from './monitor.ts';
import { type PrometheusRule, prometheusRule } from './rule.ts';

const WHERE = { namespace: 'observed', labels: { release: 'prometheus' } };
const GATEWAYS = ROLES.filter((role) => role !== 'model-server');

const OBJECTS: readonly (readonly [string, PodMonitor | ServiceMonitor | PrometheusRule])[] = [
  ...ROLES.map((role) => [`PodMonitor of ${role}`, podMonitor({ role })] as const),
  ...ROLES.map((role) => [`PodMonitor of ${role}, with all options`, podMonitor({ ...WHERE, role, name: 'n', ...wide() })] as const),
  ...GATEWAYS.map((role) => [`ServiceMonitor of ${role}`, serviceMonitor({ role })] as const),
  ...GATEWAYS.map(
    (role) => [`ServiceMonitor of ${role}, with all options`, serviceMonitor({ ...WHERE, role, name: 'n', ...wide() })] as const,
  ),
  ['PrometheusRule', prometheusRule()],
  [
    'PrometheusRule, with all options',
    prometheusRule({
      ...WHERE,
      name: 'n',
      runbooks: 'https://r',
      severities: { page: 'critical', ticket: 'warning' },
      alertLabels: { team: 't' },
    }),
  ],
];

function wide() {
  return { pool: 'p', matchLabels: { a: 'b' }, namespaces: ['x', 'y'], port: 'other', interval: '30s', scrapeTimeout: '5s' } as const;
}

/** Value that a label of the target gets by the relabelings, where it is fixed. */
function fixedLabel(role: Role, label: string): unknown {
  const steps = podMonitor({ role }).spec.podMetricsEndpoints[0].relabelings as readonly { targetLabel: string; replacement?: string }[];
  return steps.find(({ targetLabel }) => targetLabel === label)?.replacement;
}

describe('objects of the operator', () => {
  it.each(OBJECTS)('%s has a name, and the labels that Kubernetes recommends', (_, { apiVersion, metadata }) => {
    expect(apiVersion).toBe('monitoring.coreos.com/v1');
    expect(metadata.name).toMatch(/^[a-z][a-z0-9-]{0,62}$/);
    expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'tierkit' });
  });

  it('are where they are told to be, and can be found by a Prometheus', () => {
    for (const make of [podMonitor({ ...WHERE, role: 'epp' }), serviceMonitor({ ...WHERE, role: 'epp' }), prometheusRule(WHERE)]) {
      expect(make.metadata).toMatchObject({ namespace: 'observed', labels: { release: 'prometheus' } });
    }
    expect(podMonitor({ role: 'epp' }).metadata).not.toHaveProperty('namespace');
  });

  it('have names of their own', () => {
    const names = [...ROLES.map((role) => podMonitor({ role })), podMonitor({ role: 'model-server', pool: 'a' })].map(
      ({ metadata }) => metadata.name,
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('look for pods in their own namespace, in some, or in all', () => {
    expect(podMonitor({ role: 'tier-one' }).spec).not.toHaveProperty('namespaceSelector');
    expect(podMonitor({ role: 'tier-one', namespaces: ['a'] }).spec.namespaceSelector).toEqual({ matchNames: ['a'] });
    expect(podMonitor({ role: 'tier-one', namespaces: 'any' }).spec.namespaceSelector).toEqual({ any: true });
  });

  it('select the labels of the role, and no Service that has pods of ours behind it', () => {
    for (const role of GATEWAYS) {
      expect(podMonitor({ role }).spec.selector.matchLabels).toEqual(labelsOf(role));
      expect(serviceMonitor({ role }).spec.selector.matchLabels).toEqual({ ...labelsOf(role), 'tierkit.dev/outside': 'true' });
    }
    expect(new Set(ROLES.map((role) => JSON.stringify(labelsOf(role)))).size).toBe(ROLES.length);
  });

  it('give targets the jobs that the alerts go by, and the tier that the process has', () => {
    expect(GATEWAYS.map((role) => fixedLabel(role, 'job'))).toEqual(['tierkit-tier-one', 'tierkit-tier-two', 'tierkit-epp']);
    expect(fixedLabel('model-server', 'job')).toBe('vllm');
    expect(ROLES.map((role) => fixedLabel(role, 'tier'))).toEqual(['one', 'two', 'epp', undefined]);
  });

  it('believe gateways what they say of pods, and model servers nothing', () => {
    for (const role of ROLES) expect(podMonitor({ role }).spec.podMetricsEndpoints[0].honorLabels).toBe(role !== 'model-server');
  });

  it('have every recording and alert once, with its runbook', () => {
    // The list is a map by name: the API server refuses one that is there twice.
    const names = prometheusRule().spec.groups.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const rules = prometheusRule({ runbooks: 'https://r/books' }).spec.groups.flatMap((group) => group.rules as readonly Rule[]);
    expect(rules.flatMap(({ record }) => record ?? [])).toEqual(RECORDINGS.flatMap((group) => group.rules.map(({ record }) => record)));
    const alerts = rules.filter(({ alert }) => alert !== undefined);
    expect(alerts.map(({ alert }) => alert)).toEqual(allAlerts().map(({ name }) => name));
    for (const { alert, annotations } of alerts) expect(annotations?.['runbook_url']).toBe(`https://r/books/${alert}.md`);
    const plain = prometheusRule().spec.groups.flatMap((group) => group.rules as readonly Rule[]);
    expect(plain.some(({ annotations }) => annotations !== undefined && 'runbook_url' in annotations)).toBe(false);
  });

  it('speak of severity as the routes of Alertmanager do', () => {
    const groups = prometheusRule({ severities: { page: 'critical', ticket: 'warning' }, alertLabels: { team: 'ai', severity: 'lost' } })
      .spec.groups;
    const labels = groups.flatMap((group) =>
      (group.rules as readonly Rule[]).flatMap(({ labels }) => (labels === undefined ? [] : [labels])),
    );
    expect(new Set(labels.map((each) => each['severity']))).toEqual(new Set(['critical', 'warning']));
    expect(labels.every((each) => each['team'] === 'ai')).toBe(true);
  });
});

describe.skipIf(WITHOUT_CRDS)('the CRDs of the operator', () => {
  it.each(OBJECTS)('take %s', (_, object) => {
    expect(faultsOf(object)).toEqual([]);
  });

  it('would refuse what they do not have', () => {
    const monitor = podMonitor({ role: 'epp', interval: 'often' });
    expect(faultsOf(monitor).join()).toContain('/interval must match pattern');
    expect(faultsOf({ ...monitor, spec: { ...monitor.spec, selectors: {} } }).join()).toContain('selectors');
    expect(faultsOf({ ...serviceMonitor({ role: 'epp' }), spec: {} }).join()).toContain("'selector'");
  });
});

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
