import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { METRICS } from '#core/telemetry/metrics/table';

import { queriesOf } from './alerts/alert.ts';
import { allAlerts } from './alerts/all.ts';
import { DASHBOARDS } from './dashboards/all.ts';
import { generated } from './generated.ts';
import { RECORDINGS } from './prometheus/recording.ts';

const ROOT = join(import.meta.dirname, '..');
const files = await generated();
const FOLDERS = ['dashboards/json', 'prometheus', 'prometheus/rules', 'prometheus/operator', 'grafana'].map(
  (name) => `observability/${name}`,
);

describe('generated files', () => {
  it.each([...files.keys()])('%s is what "node observability/generate.ts" writes', (path) => {
    const file = join(ROOT, path);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : 'it is missing').toBe(files.get(path));
  });

  it.each(FOLDERS)('%s has no other file that is not code', (folder) => {
    const known = [...files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
    const there = readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'));
    expect(there.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  it('of runbooks there is none without its alert', () => {
    const names = readdirSync(join(ROOT, 'observability/runbooks')).map((name) => name.replace(/\.md$/, ''));
    expect(names.sort()).toEqual(
      allAlerts()
        .map(({ name }) => name)
        .sort(),
    );
  });
});

describe('every query', () => {
  const recorded = RECORDINGS.flatMap(({ rules }) => rules);
  const queries = [
    ...recorded.map(({ record, expr }) => [record, expr] as const),
    ...allAlerts().flatMap((alert) => queriesOf(alert).map((expr) => [alert.name, expr] as const)),
    ...DASHBOARDS.flatMap(({ title, rows }) =>
      rows.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(({ expr }) => [`${title}: ${panel.title}`, expr] as const))),
    ),
    ...runbookQueries(),
  ];

  it.each(queries)('of %s asks for metrics and labels that there are: %s', (_, expr) => {
    const rows = new Map(Object.values(METRICS).map((row) => [row.name, row.labels as readonly string[]]));
    for (const [name, matchers] of metricsIn(expr)) {
      const base = rows.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
      const labels = rows.get(base);
      expect([name, labels === undefined]).toEqual([name, false]);
      const known = [...labels!, 'le', ...TARGET_LABELS];
      expect(matchers.filter((label) => !known.includes(label))).toEqual([]);
    }
    for (const [name] of expr.matchAll(/tierkit:[\w:]+/g)) expect(recorded.map(({ record }) => record)).toContain(name);
  });
});

/** Labels of a target that series have as well. */
const TARGET_LABELS = ['job', 'instance', 'namespace'];

/** Queries that a runbook says to ask; names that it stands in for are in capitals. */
function runbookQueries(): (readonly [name: string, expr: string])[] {
  return readdirSync(join(ROOT, 'observability/runbooks')).flatMap((name) => {
    const text = readFileSync(join(ROOT, 'observability/runbooks', name), 'utf8');
    const spans = [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span!);
    return spans.filter((span) => /\w+_\w+[{([]|_total|_seconds/.test(span)).map((span) => [name, span] as const);
  });
}

/** Names of our metrics in a query, and the labels that it matches them by. */
function metricsIn(expr: string): [name: string, labels: string[]][] {
  return [...expr.matchAll(/\b((?:gen_ai_(?:client|server)|tierkit|llm_d_epp|inference_pool)_\w+)\b(?!:)(?:\{([^}]*)\})?/g)]
    .filter(([, name]) => !/^(inference_pool|gen_ai_(token_type|original_model))$/.test(name!))
    .map(([, name, matchers = '']) => [name!, [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!)]);
}
