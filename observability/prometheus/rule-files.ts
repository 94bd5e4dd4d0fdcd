import { type Alert, type AlertGroup, expressionOf } from '../alerts/alert.ts';
import { madeYaml } from '../made.ts';
import type { RecordingGroup } from './recording.ts';

/** A group as rule files and the operator's PrometheusRule have it. */
export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly object[];
}

export interface AlertTexts {
  readonly runbooks?: string;
  readonly severities?: Readonly<Record<Alert['severity'], string>>;
  readonly alertLabels?: Readonly<Record<string, string>>;
}

export function recordingGroups(groups: readonly RecordingGroup[]): RuleGroup[] {
  return groups.map(({ name, rules }) => ({ name, interval: '30s', rules }));
}

/** Each alert names its runbook. */
export function alertGroups(groups: readonly AlertGroup[], { runbooks, severities, alertLabels }: AlertTexts = {}): RuleGroup[] {
  return groups.map(({ name, alerts }) => ({
    name,
    rules: alerts.map((alert) => ({
      alert: alert.name,
      expr: expressionOf(alert),
      for: alert.for,
      labels: { ...alertLabels, severity: severities?.[alert.severity] ?? alert.severity },
      annotations: {
        summary: alert.summary,
        description: alert.description,
        runbook: runbookOf(alert.name),
        ...(runbooks === undefined ? {} : { runbook_url: `${runbooks}/${alert.name}.md` }),
      },
    })),
  }));
}

/** Recording rules as a rule file. */
export function recordingFile(groups: readonly RecordingGroup[]): string {
  return madeYaml('observability/prometheus/recording.ts', { groups: recordingGroups(groups) });
}

/** Alerts as a rule file. */
export function alertFile(groups: readonly AlertGroup[]): string {
  return madeYaml('observability/alerts', { groups: alertGroups(groups) });
}

/** Path of an alert's runbook, from the root of the repository. */
export function runbookOf(alert: string): string {
  return `observability/runbooks/${alert}.md`;
}
