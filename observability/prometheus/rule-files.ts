import { dump } from 'js-yaml';

import { type AlertGroup, expressionOf } from '../alerts/alert.ts';
import type { RecordingGroup } from './recording.ts';

const MADE = (from: string): string => `# Made by "node observability/generate.ts" of ${from}: change that, not this file.\n`;

/** Recording rules as a rule file. */
export function recordingFile(groups: readonly RecordingGroup[]): string {
  return (
    MADE('observability/prometheus/recording.ts') + yaml({ groups: groups.map(({ name, rules }) => ({ name, interval: '30s', rules })) })
  );
}

/** Alerts as a rule file. Each names its runbook. */
export function alertFile(groups: readonly AlertGroup[]): string {
  const files = groups.map(({ name, alerts }) => ({
    name,
    rules: alerts.map((alert) => ({
      alert: alert.name,
      expr: expressionOf(alert),
      for: alert.for,
      labels: { severity: alert.severity },
      annotations: { summary: alert.summary, description: alert.description, runbook: runbookOf(alert.name) },
    })),
  }));
  return MADE('observability/alerts') + yaml({ groups: files });
}

/** Path of an alert's runbook, from the root of the repository. */
export function runbookOf(alert: string): string {
  return `observability/runbooks/${alert}.md`;
}

function yaml(value: object): string {
  return dump(value, { lineWidth: 140, noRefs: true });
}
