import { dump } from 'js-yaml';

import { DASHBOARDS } from '../../observability/dashboards/all.ts';
import { dashboardJson } from '../../observability/dashboards/json.ts';
import { datasources } from '../../observability/grafana/provisioning.ts';
import { podMonitor } from '../../observability/prometheus/operator/monitor.ts';
import { prometheusRule } from '../../observability/prometheus/operator/rule.ts';
import type { Role } from '../../observability/prometheus/targets.ts';
import { prometheusUrl } from '../settings/fill.ts';
import type { ClusterName, Settings } from '../settings.ts';
import { objectLabels } from './labels.ts';
import { addConfigMap } from './objects.ts';
import { emptyPart } from './observability.ts';
import { JAEGER_UI, observerUrl } from './observer-names.ts';
import type { Part } from './part.ts';
import { Sheet } from './sheet.ts';

/** Grafana's sidecar collects what carries these labels. */
const DASHBOARD = { grafana_dashboard: '1' } as const;
const DATASOURCE = { grafana_datasource: '1' } as const;

export function dashboardsPart(settings: Settings, namespacePart: string): Part | undefined {
  const { observability, namespaces } = settings;
  if (!observability.dashboards) return undefined;
  const sheet = new Sheet(namespaces.observability, objectLabels(settings, 'tierkit', 'dashboards'));
  const { runbooks } = observability;
  for (const dashboard of DASHBOARDS)
    addConfigMap(
      sheet,
      `dashboard-${dashboard.uid}`,
      { [`${dashboard.uid}.json`]: JSON.stringify(dashboardJson(dashboard, runbooks === undefined ? {} : { runbooks })) },
      DASHBOARD,
    );
  const prometheus = prometheusUrl(observability, namespaces);
  if (prometheus !== undefined)
    addConfigMap(
      sheet,
      'grafana-datasources',
      { 'tierkit.yaml': dump(datasources({ prometheus, traces: jaegerUrl(settings) }), { lineWidth: 140, noRefs: true }) },
      DATASOURCE,
    );
  return { ...emptyPart('dashboards', 'gateway'), needs: [namespacePart], manifests: sheet.manifests() };
}

function jaegerUrl({ namespaces }: Settings): string {
  return observerUrl(namespaces, 'jaeger', JAEGER_UI);
}

/** Objects of the Prometheus operator, for a Prometheus that is there. @param roles whose pods are in the cluster */
export function monitorsPart(
  settings: Settings,
  name: string,
  cluster: ClusterName,
  { roles, namespacePart }: { readonly roles: readonly Role[]; readonly namespacePart: string },
): Part | undefined {
  const { observability, namespaces } = settings;
  if (observability.operator === false) return undefined;
  const { labels } = observability.operator;
  const where = { namespace: namespaces.observability, labels };
  const sheet = new Sheet(namespaces.observability, objectLabels(settings, 'tierkit', 'monitoring'));
  for (const role of roles) sheet.add({ ...podMonitor({ ...where, role, namespaces: namespacesOf(settings, role) }) });
  if (observability.alerts) {
    const runbooks = observability.runbooks === undefined ? {} : { runbooks: observability.runbooks };
    // Two objects: whoever has alerts of their own can leave ours out, and keeps the recordings.
    sheet.add({ ...prometheusRule({ ...where, name: 'tierkit-recordings', alerts: [] }) });
    sheet.add({ ...prometheusRule({ ...where, ...runbooks, name: 'tierkit-alerts', recordings: [] }) });
  }
  return { ...emptyPart(name, cluster), needs: [namespacePart], manifests: sheet.manifests() };
}

/** Models come and go in namespaces of their own. */
function namespacesOf({ namespaces }: Settings, role: Role): readonly string[] | 'any' {
  if (role === 'tier-one') return [namespaces.tierOne];
  return role === 'tier-two' ? [namespaces.tierTwo] : 'any';
}
