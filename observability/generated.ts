import { ProcessMetrics } from '#core/telemetry/metrics/process';

import { ALERTS } from './alerts/all.ts';
import { DASHBOARDS } from './dashboards/all.ts';
import { dashboardJson } from './dashboards/json.ts';
import { GRAFANA_FILES } from './grafana/provisioning.ts';
import { metricsPage } from './metrics-page.ts';
import { READY } from './prometheus/ready.ts';
import { RECORDINGS } from './prometheus/recording.ts';
import { alertFile, recordingFile } from './prometheus/rule-files.ts';

/** Every file that is made of code here, by its path from the root of the repository. */
export async function generated(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>([
    ['docs/metrics.md', metricsPage(await new ProcessMetrics().list())],
    ['observability/prometheus/rules/recording.yaml', recordingFile(RECORDINGS)],
    ['observability/prometheus/rules/alerts.yaml', alertFile(ALERTS)],
    ...READY,
    ...GRAFANA_FILES,
  ]);
  for (const dashboard of DASHBOARDS) files.set(`observability/dashboards/json/${dashboard.uid}.json`, dashboardJson(dashboard));
  return files;
}
