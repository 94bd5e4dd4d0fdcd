import type { AlertGroup } from '../../observability/alerts/alert.ts';

/** Metrics of tier two about a pool, with their selector where they have one. */
const METRIC = /\b((?:llm_d_epp|tierkit)_[a-z_]+)(?:\{([^}]*)\})?/g;

/** Alerts of pools, of those of one namespace alone. */
export function alertsOf({ name, alerts }: AlertGroup, namespace: string): AlertGroup {
  return {
    name: `${name}-${namespace}`,
    alerts: alerts.map((alert) => ({
      ...alert,
      conditions: alert.conditions.map((condition) => ({ ...condition, value: inNamespace(condition.value, namespace) })),
    })),
  };
}

/** @param query PromQL, in which every metric of a pool has the label `pool_namespace` */
export function inNamespace(query: string, namespace: string): string {
  return query.replaceAll(METRIC, (_, metric: string, selector: string | undefined) =>
    [metric, '{', [`pool_namespace="${namespace}"`, ...(selector === undefined ? [] : [selector])].join(','), '}'].join(''),
  );
}
