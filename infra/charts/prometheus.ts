import { dump } from 'js-yaml';

import { ALERTS } from '../../observability/alerts/all.ts';
import { RECORDINGS } from '../../observability/prometheus/recording.ts';
import { alertGroups, recordingGroups } from '../../observability/prometheus/rule-files.ts';
import { scrapeConfig } from '../../observability/prometheus/scrape-config.ts';
import { ROLES, TARGETS } from '../../observability/prometheus/targets.ts';
import type { ClusterName, Settings } from '../settings.ts';
import { MODELS_LABEL } from './labels.ts';
import { MODEL_PORT } from './names.ts';
import { addPolicy, DNS, type Peer } from './network.ts';
import { addConfigMap, addService } from './objects.ts';
import { dataMount, emptyPart, observerLabels, observerSheet } from './observability.ts';
import type { Part } from './part.ts';
import { amountOf } from './quantity.ts';
import { addClusterAccess, POD_RULES } from './rbac.ts';
import { apiServer } from './tier.ts';
import { addWorkload } from './workload.ts';

const PORT = 9090;
const CONFIG = '/etc/prometheus';
const DATA = '/prometheus';

/**
 * Prometheus of a cluster: it finds the pods of both tiers and of models by their labels.
 * @param namespacePart the part that makes its namespace
 */
export function prometheusPart(settings: Settings, name: string, cluster: ClusterName, namespacePart: string): Part | undefined {
  const { observability, namespaces, images, instance } = settings;
  const { prometheus } = observability;
  if (prometheus.mode !== 'in-cluster') return undefined;
  const sheet = observerSheet(settings, 'prometheus');
  const labels = observerLabels(settings, 'prometheus');
  // Pods of all namespaces: those of teams that come later are found without a change here.
  addClusterAccess(sheet, `${instance}-prometheus`, POD_RULES, { name: 'prometheus', namespace: namespaces.observability });
  addConfigMap(sheet, 'prometheus', { 'prometheus.yaml': configuration(settings, cluster) });
  if (observability.alerts) addConfigMap(sheet, 'prometheus-rules', ruleFiles(settings));
  addService(sheet, { name: 'prometheus', labels, ports: { http: PORT } });
  addWorkload(sheet, settings, {
    name: 'prometheus',
    labels,
    image: images.prometheus,
    args: [
      `--config.file=${CONFIG}/config/prometheus.yaml`,
      `--storage.tsdb.path=${DATA}`,
      `--storage.tsdb.retention.time=${prometheus.retention}`,
      ...(prometheus.storage === undefined ? [] : [`--storage.tsdb.retention.size=${retentionSize(prometheus.storage)}`]),
      // Load tests write their results to it.
      '--web.enable-remote-write-receiver',
      // A changed ConfigMap needs no new pod.
      '--config.auto-reload',
      '--enable-feature=exemplar-storage',
    ],
    ports: { http: PORT },
    mounts: [
      { path: `${CONFIG}/config`, configMap: 'prometheus' },
      ...(observability.alerts ? [{ path: `${CONFIG}/rules`, configMap: 'prometheus-rules' }] : []),
      dataMount(sheet, settings, 'prometheus', DATA, prometheus),
    ],
    resources: prometheus.resources,
    replicas: 1,
    live: { path: '/-/healthy', port: PORT },
    ready: { path: '/-/ready', port: PORT },
    // It reads its log anew when it starts: minutes, where it has grown.
    startTries: 150,
    drainSeconds: 60,
    leaves: false,
    user: 65_534,
    recreate: true,
    apiAccess: true,
  });
  if (settings.networkPolicies.enabled)
    addPolicy(sheet, 'prometheus', labels, {
      from: [{ peers: readers(settings), ports: [PORT] }],
      to: [DNS, apiServer(settings), ...scraped(settings)],
    });
  return { ...emptyPart(name, cluster), needs: [namespacePart], manifests: sheet.manifests() };
}

/** Who may ask it: its neighbours (dashboards), and the namespaces of others that the settings name. */
function readers({ namespaces, networkPolicies }: Settings): Peer[] {
  return [{ namespace: namespaces.observability }, ...networkPolicies.monitoring.map((namespace) => ({ namespace }))];
}

function scraped({ namespaces, observability }: Settings) {
  const admin = ROLES.filter((role) => role !== 'model-server').map((role) => TARGETS[role].port);
  const own = [namespaces.tierOne, namespaces.tierTwo].map((namespace) => ({ namespace }));
  return observability.prometheus.mode === 'off'
    ? []
    : [
        { peers: own, ports: admin },
        { peers: [{ namespaceLabels: { [MODELS_LABEL]: 'true' } }], ports: [MODEL_PORT, TARGETS.epp.port] },
      ];
}

function configuration({ observability, topology }: Settings, cluster: ClusterName): string {
  const config = scrapeConfig({
    scrapes: ROLES.map((role) => ({ role })),
    ruleFiles: observability.alerts ? [`${CONFIG}/rules/*.yaml`] : [],
    ...(topology === 'two-clusters' ? { externalLabels: { cluster } } : {}),
  });
  return dump(config, { lineWidth: 140, noRefs: true });
}

function ruleFiles({ observability }: Settings): Record<string, string> {
  const { runbooks } = observability;
  return {
    'recording.yaml': ruleFile(recordingGroups(RECORDINGS)),
    'alerts.yaml': ruleFile(alertGroups(ALERTS, runbooks === undefined ? {} : { runbooks })),
  };
}

function ruleFile(groups: readonly object[]): string {
  return dump({ groups }, { lineWidth: 140, noRefs: true });
}

/** The volume is not to become full: the log, and what is being compacted, need room beside the blocks. */
function retentionSize(storage: string): string {
  return `${Math.floor((amountOf(storage) * 0.8) / 2 ** 20)}MB`;
}
