import { type Panel, type Query, type Step } from './dashboard.ts';

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

export interface GridPos {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

/** A panel as Grafana has it (types `dashboard`, `prometheus`, `timeseries`, … of @grafana/grafana-foundation-sdk). */
export function panelJson(panel: Panel, id: number, gridPos: GridPos): object {
  const { title, kind, queries, description, alerts = [] } = panel;
  return {
    id,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    ...(alerts.length === 0 ? {} : { links: alerts.map(runbookLink) }),
    fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
    options: OPTIONS[kind],
    targets: queries.map((query, index) => target(query, kind, String.fromCodePoint(65 + index))),
    // A number of now has no time.
    ...(kind === 'table' ? { transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }] } : {}),
  };
}

function target({ expr, legend }: Query, kind: Panel['kind'], refId: string): object {
  const once = kind === 'table' || kind === 'bargauge';
  const format = kind === 'table' || kind === 'heatmap' ? kind : 'time_series';
  // Exemplars are asked for apart: only of histograms, where there are some.
  const exemplar = (kind === 'timeseries' || kind === 'heatmap') && expr.includes('_bucket');
  return { refId, datasource: DATASOURCE, expr, legendFormat: legend ?? '__auto', format, exemplar, instant: once, range: !once };
}

function fieldDefaults({ kind, unit, stacked, steps, base = 'green', words }: Panel): object {
  const lines = kind === 'timeseries';
  const custom = {
    ...(stacked === true ? { stacking: { mode: 'normal', group: 'A' }, fillOpacity: 30 } : {}),
    ...(lines && steps !== undefined ? { thresholdsStyle: { mode: 'line' } } : {}),
  };
  const texts = Object.entries(words ?? {}).map(([value, text]) => [value, { text }] as const);
  return {
    unit,
    // What never is below zero is not drawn so.
    ...(lines && unit !== 'short' ? { min: 0 } : {}),
    ...(kind === 'stat' ? { noValue: '–' } : {}),
    ...(steps === undefined ? {} : { thresholds: { mode: 'absolute', steps: [{ value: null, color: base }, ...steps.map(step)] } }),
    color: { mode: kind === 'stat' || (kind === 'bargauge' && steps !== undefined) ? 'thresholds' : 'palette-classic' },
    ...(texts.length === 0 ? {} : { mappings: [{ type: 'value', options: Object.fromEntries(texts) }] }),
    ...(Object.keys(custom).length === 0 ? {} : { custom }),
  };
}

const step = ({ at, color }: Step): object => ({ value: at, color });

function runbookLink(alert: string): object {
  return {
    title: `Runbook: ${alert}`,
    type: 'link',
    icon: 'doc',
    tooltip: '',
    url: `\${runbooks}/${alert}.md`,
    tags: [],
    asDropdown: false,
    targetBlank: true,
    includeVars: false,
    keepTime: false,
  };
}

const LAST = { values: false, calcs: ['lastNotNull'], fields: '' };

const OPTIONS: Readonly<Record<Panel['kind'], object>> = {
  timeseries: {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: {
    colorMode: 'value',
    graphMode: 'area',
    justifyMode: 'auto',
    textMode: 'auto',
    wideLayout: true,
    showPercentChange: false,
    orientation: 'auto',
    reduceOptions: LAST,
  },
  table: { showHeader: true, cellHeight: 'sm' },
  heatmap: {
    calculate: false,
    yAxis: { unit: 's', axisPlacement: 'left' },
    rowsFrame: { layout: 'auto' },
    color: { mode: 'scheme', scheme: 'Blues', fill: 'dark-blue', exponent: 0.5, steps: 64, reverse: false },
    // Cells without a request stay empty.
    filterValues: { le: 1e-9 },
    cellGap: 1,
    showValue: 'never',
    legend: { show: true },
    tooltip: { mode: 'single', yHistogram: true },
    exemplars: { color: 'rgba(255,0,255,0.7)' },
  },
  bargauge: {
    orientation: 'horizontal',
    displayMode: 'basic',
    valueMode: 'color',
    namePlacement: 'auto',
    showUnfilled: true,
    sizing: 'auto',
    minVizWidth: 8,
    minVizHeight: 16,
    maxVizHeight: 300,
    reduceOptions: LAST,
  },
};
