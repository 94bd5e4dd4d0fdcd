import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { METRICS } from '#core/telemetry/metrics/table';

import { queriesOf } from './alerts/alert.ts';
import { allAlerts } from './alerts/all.ts';
import { DASHBOARDS } from './dashboards/all.ts';
import { widthOf } from './dashboards/dashboard.ts';
import { generated } from './generated.ts';
import { RECORDINGS } from './prometheus/recording.ts';

const ROOT = join(import.meta.dirname, '..');
const files = await generated();

describe('generated files', () => {
  it.each([...files.keys()])('%s is what "node observability/generate.ts" writes', (path) => {
    const file = join(ROOT, path);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : 'it is missing').toBe(files.get(path));
  });

  it.each(['observability/dashboards/json', 'observability/prometheus/rules'])('%s has no other file', (folder) => {
    const known = [...files.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
    expect(readdirSync(join(ROOT, folder)).sort()).toEqual(known.sort());
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
  ];

  it.each(queries)('of %s asks for metrics and labels that there are: %s', (_, expr) => {
    const rows = new Map(Object.values(METRICS).map((row) => [row.name, row.labels as readonly string[]]));
    for (const [name, matchers] of metricsIn(expr)) {
      const base = rows.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
      const labels = rows.get(base);
      expect([name, labels === undefined]).toEqual([name, false]);
      const known = [...labels!, 'le', 'job', 'instance'];
      expect(matchers.filter((label) => !known.includes(label))).toEqual([]);
    }
    for (const [name] of expr.matchAll(/tierkit:[\w:]+/g)) expect(recorded.map(({ record }) => record)).toContain(name);
  });
});

describe('dashboards', () => {
  it('have ids of their own, panels that fit, and queries that differ', () => {
    expect(new Set(DASHBOARDS.map(({ uid }) => uid)).size).toBe(DASHBOARDS.length);
    for (const { rows } of DASHBOARDS) {
      const panels = rows.flatMap((row) => row.panels);
      expect(new Set(panels.map(({ queries }) => JSON.stringify(queries))).size).toBe(panels.length);
      for (const panel of panels) expect(widthOf(panel)).toBeLessThanOrEqual(24);
    }
  });

  it.each(DASHBOARDS.map(({ uid }) => [uid]))('%s has no two panels in one place', (uid) => {
    const { panels } = JSON.parse(files.get(`observability/dashboards/json/${uid}.json`)!) as Json;
    const taken = new Set<string>();
    for (const { gridPos } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`)).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

interface Json {
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }[];
}

/** Names of our metrics in a query, and the labels that it matches them by. */
function metricsIn(expr: string): [name: string, labels: string[]][] {
  return [...expr.matchAll(/\b((?:gen_ai_(?:client|server)|tierkit|llm_d_epp|inference_pool)_\w+)\b(?!:)(?:\{([^}]*)\})?/g)]
    .filter(([, name]) => !/^(inference_pool|gen_ai_(token_type|original_model))$/.test(name!))
    .map(([, name, matchers = '']) => [name!, [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!)]);
}
