import type { Alert, AlertGroup } from '../../alerts/alert.ts';
import { ALERTS } from '../../alerts/all.ts';
import { type RecordingGroup, RECORDINGS } from '../recording.ts';
import { alertGroups, recordingGroups, type RuleGroup } from '../rule-files.ts';
import { type ObjectOptions, type OperatorObject, operatorObject } from './object.ts';

export interface PrometheusRuleOptions extends ObjectOptions {
  /** @default all of ours */
  readonly recordings?: readonly RecordingGroup[];
  /** @default all of ours */
  readonly alerts?: readonly AlertGroup[];
  /** Address of the folder of runbooks, without a slash at its end: alerts get `runbook_url`. */
  readonly runbooks?: string;
  /** What the routes of Alertmanager call our severities. @default page, ticket */
  readonly severities?: Readonly<Record<Alert['severity'], string>>;
  /** Labels of every alert, such as the team. */
  readonly alertLabels?: Readonly<Record<string, string>>;
}

export type PrometheusRule = OperatorObject<'PrometheusRule', { readonly groups: readonly RuleGroup[] }>;

/** Recordings and alerts for the operator. Alerts read what is recorded: take both, or neither. */
export function prometheusRule(options: PrometheusRuleOptions = {}): PrometheusRule {
  const { name = 'tierkit', recordings = RECORDINGS, alerts = ALERTS } = options;
  return operatorObject('PrometheusRule', name, options, { groups: [...recordingGroups(recordings), ...alertGroups(alerts, options)] });
}
