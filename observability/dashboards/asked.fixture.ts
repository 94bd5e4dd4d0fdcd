// For tests: the panels' queries as Grafana would ask them.
import { DASHBOARDS } from './all.ts';

export interface Asked {
  /** Dashboard and panel. */
  readonly name: string;
  readonly expr: string;
  readonly mayBeEmpty: boolean;
}

/** Every query of a panel, all values of the variables chosen. */
export const ASKED: readonly Asked[] = DASHBOARDS.flatMap(({ title, rows, variables }) => {
  const values = new Map([['__rate_interval', '1m'], ...variables.map(({ name }) => [name, '.*'] as const)]);
  return rows.flatMap(({ panels }) =>
    panels.flatMap((panel) =>
      panel.queries.map(({ expr, mayBeEmpty = false }) => ({
        name: `${title}, ${panel.title}`,
        expr: expr.replaceAll(/\$(\w+)/g, (_, name: string) => values.get(name)!),
        mayBeEmpty,
      })),
    ),
  );
});
