import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';

import { allAlerts } from '../alerts/all.ts';
import { DASHBOARDS } from './all.ts';
import { DASHBOARD_SCHEMA } from './grafana-schema.fixture.ts';
import { dashboardJson } from './json.ts';

/** Of a dashboard's JSON what is looked at below. */
interface Whole {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly links: readonly { readonly url?: string }[];
  readonly panels: readonly PanelJson[];
}
interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly links?: readonly { readonly url: string }[];
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit: string; readonly thresholds?: { readonly steps: readonly { value: number | null }[] } };
  };
}
interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly exemplar: boolean;
}

const jsons = DASHBOARDS.map((dashboard) => JSON.parse(dashboardJson(dashboard)) as Whole);
const table = jsons.map((json) => [json.title, json] as const);
const targets = jsons.flatMap(({ title, panels }) =>
  panels.flatMap((panel) => (panel.targets ?? []).map((target) => [`${title}, ${panel.title} ${target.refId}`, target, panel] as const)),
);

const valid = new Ajv({ strict: false, allErrors: false }).compile(DASHBOARD_SCHEMA);

/** Labels whose values clients, models or pods make: there may be hundreds. */
const MANY =
  /^(client_id|gen_ai_original_model|gen_ai_request_model|gen_ai_response_model|model|fairness_id|subject|endpoint_name|pod|endpoint|model_server_endpoint)$/;
/** Metrics that have such a label, and are shown by it without a sum. */
const BY_POD = /^(tierkit_endpoint_\w+|llm_d_epp_per_endpoint_queue_size|llm_d_epp_inflight_requests)\{/;

it('dashboards have uids that stay: links and bookmarks go by them', () => {
  const rooms = ['overview', 'slo', 'latency', 'cost', 'limits', 'providers', 'pools', 'runtime'];
  expect(jsons.map(({ uid }) => uid)).toEqual(rooms.map((name) => `tierkit-${name}`));
  expect(new Set(jsons.map(({ title }) => title)).size).toBe(jsons.length);
});

describe.each(table)('%s', (_, json) => {
  it('has what the types of Grafana allow, and nothing else', () => {
    expect(valid(json) ? [] : valid.errors).toEqual([]);
  });

  it('has panels with ids of their own, in places of their own, none beyond the edge', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of json.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
          taken.add(`${x} ${y}`);
        }
      }
    }
    expect(new Set(json.panels.map(({ id }) => id)).size).toBe(json.panels.length);
  });

  it('asks each question once', () => {
    const asked = json.panels.flatMap(({ targets: each, type }) =>
      each === undefined ? [] : [JSON.stringify([type, each.map(({ expr }) => expr)])],
    );
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('uses every variable that it offers, and offers every one that it uses', () => {
    const offered = json.templating.list.map(({ name }) => name);
    const body = JSON.stringify([json.panels, json.links]);
    const used = [...body.matchAll(/\$\{?([a-z][a-z_]*)\}?/g)].map(([, name]) => name!);
    expect(new Set(used)).toEqual(new Set(offered));
  });

  it('leads to the other dashboards, to traces and to runbooks', () => {
    expect(json.links).toMatchObject([
      { type: 'dashboards', tags: ['tierkit'], includeVars: true },
      { title: 'Traces' },
      { url: '${runbooks}' },
    ]);
    const panes = new URL(json.links[1]!.url!, 'http://grafana').searchParams.get('panes')!;
    expect(JSON.parse(panes)).toMatchObject({ t: { datasource: '${traces}', queries: [{ service: 'ai-gateway' }] } });
  });

  it('has thresholds in ascending order', () => {
    for (const { title, fieldConfig } of json.panels) {
      const steps = fieldConfig?.defaults.thresholds?.steps.map(({ value }) => value) ?? [];
      expect([title, steps]).toEqual([title, steps.toSorted((a, b) => (a ?? -Infinity) - (b ?? -Infinity))]);
    }
  });
});

describe('every query', () => {
  it.each(targets)('%s has a window that fits the scrapes', (_, { expr }) => {
    const windows = [...expr.matchAll(/rate\([^[]*\[([^\]]+)\]/g)].map(([, window]) => window);
    expect(windows.filter((window) => window !== '$__rate_interval')).toEqual([]);
  });

  // A table has columns, a heatmap has bands.
  it.each(targets.filter(([, , { type }]) => type !== 'table' && type !== 'heatmap'))(
    '%s has a legend that tells series apart',
    (_, target) => {
      const labels = groupedBy(target.expr);
      const shown = [...target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      expect(labels.filter((label) => label !== 'le' && !shown.includes(label))).toEqual([]);
      expect(shown.filter((label) => labels.length > 0 && !labels.includes(label))).toEqual([]);
    },
  );

  it.each(targets.filter(([, { expr }]) => groupedBy(expr).some((label) => MANY.test(label)) || BY_POD.test(expr)))(
    '%s shows a bounded number of series',
    (_, { expr }) => expect(expr).toMatch(/^(topk|bottomk)\(\d+, /),
  );

  it.each(targets)('%s is of the chosen namespaces, unless it was recorded', (_, { expr }) => {
    const metrics = expr.matchAll(/(?<![\w:])((?:gen_ai_(?:client|server)|tierkit|llm_d_epp|vllm:|process|nodejs)_?\w+)\{([^}]*)\}/g);
    for (const [, name, matchers] of metrics) expect([name, matchers]).toEqual([name, expect.stringContaining('namespace=~"$namespace"')]);
  });

  it.each(targets)('%s asks for exemplars where there are some', (_, { expr, exemplar }, { type }) => {
    expect(exemplar).toBe((type === 'timeseries' || type === 'heatmap') && expr.includes('_bucket'));
  });

  it.each(targets.filter(([, , { fieldConfig }]) => ['reqps', 'ops', 'suffix: tok/s'].includes(fieldConfig!.defaults.unit)))(
    '%s is a rate, as its unit says',
    (_, { expr }) => expect(expr).toContain('rate('),
  );
});

describe('runbooks', () => {
  const linked = new Set(jsons.flatMap(({ panels }) => panels.flatMap(({ links = [] }) => links.map(({ url }) => url))));

  it('are where the panels say', () => {
    for (const url of linked) expect(existsSync(join(import.meta.dirname, '../runbooks', url.replace('${runbooks}/', '')))).toBe(true);
  });

  it('are each reached from a panel that shows what the alert goes by', () => {
    expect(allAlerts().flatMap(({ name }) => (linked.has(`\${runbooks}/${name}.md`) ? [] : [name]))).toEqual([]);
  });

  it('can be somewhere else, and traces too', () => {
    const text = dashboardJson(DASHBOARDS[0]!, { runbooks: 'https://books.test/r', traces: 'tempo' });
    expect(text).toContain('"query": "https://books.test/r"');
    expect(text).toContain('"query": "tempo"');
    expect(valid(JSON.parse(text))).toBe(true);
  });
});

it('the schema would notice a field that Grafana does not have', () => {
  const json = structuredClone(jsons[0]!) as unknown as { panels: { descripton?: string; type: string; options?: object }[] };
  json.panels[1]!.descripton = 'a slip';
  expect(valid(json)).toBe(false);
});

/** Labels that the outermost sum, min, max or count keeps. */
function groupedBy(expr: string): string[] {
  const [, labels] = /\b(?:sum|min|max|count)(?: by \(([^)]*)\) )?\(/.exec(expr) ?? [];
  return labels === undefined ? [] : labels.split(', ');
}
