/** One line of a panel. */
export interface Query {
  /** PromQL; `$__rate_interval` is Grafana's. */
  readonly expr: string;
  /** `{{label}}` stands for a label's value. */
  readonly legend?: string;
  /** Answers only where something happens that a test cannot bring about, or that is good never to see. */
  readonly mayBeEmpty?: boolean;
}

export type Unit = 's' | 'short' | 'percentunit' | 'reqps' | 'bytes' | 'ops' | 'none';

export interface Panel {
  readonly title: string;
  readonly kind: 'timeseries' | 'stat' | 'table' | 'heatmap' | 'bargauge';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly description?: string;
  /** In twenty-fourths of the screen. @default 12; of a stat 6 */
  readonly width?: number;
  /** Lines that stand on each other. */
  readonly stacked?: boolean;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A variable that the reader chooses, of the values of a label. */
export interface Variable {
  readonly name: string;
  readonly metric: string;
  readonly label: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly variables?: readonly Variable[];
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;
const HEIGHTS: Readonly<Record<Panel['kind'], number>> = { timeseries: 8, stat: 4, table: 8, heatmap: 8, bargauge: 8 };

/** As Grafana imports and provisions it. */
export function dashboardJson(dashboard: Dashboard): string {
  const { uid, title, rows, variables = [] } = dashboard;
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({ id: panels.length + 1, type: 'row', title: row.title, collapsed: false, panels: [], gridPos: { h: 1, w: 24, x: 0, y } });
    y = placed(row.panels, panels, y + 1);
  }
  return `${JSON.stringify(
    {
      uid,
      title,
      tags: ['tierkit'],
      schemaVersion: 39,
      version: 1,
      editable: true,
      timezone: 'browser',
      refresh: '30s',
      time: { from: 'now-1h', to: 'now' },
      annotations: { list: [ALERTS_SHOWN] },
      templating: { list: [DATASOURCE_VARIABLE, ...variables.map(variable)] },
      panels,
    },
    undefined,
    2,
  )}\n`;
}

/** Panels from left to right, and then below. @returns where the next row begins */
function placed(row: readonly Panel[], panels: object[], from: number): number {
  let [x, y, height] = [0, from, 0];
  for (const panel of row) {
    const w = widthOf(panel);
    const h = HEIGHTS[panel.kind];
    if (x + w > 24) [x, y, height] = [0, y + height, 0];
    panels.push(panelJson(panel, panels.length + 1, { h, w, x, y }));
    x += w;
    height = Math.max(height, h);
  }
  return y + height;
}

export function widthOf({ width, kind }: Panel): number {
  return width ?? (kind === 'stat' ? 6 : 12);
}

function panelJson({ title, kind, unit, queries, description, stacked }: Panel, id: number, gridPos: object): object {
  const once = kind === 'table' || kind === 'bargauge';
  return {
    id,
    type: kind,
    title,
    ...(description === undefined ? {} : { description }),
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, ...(stacked === true ? { custom: { stacking: { mode: 'normal' }, fillOpacity: 30 } } : {}) },
      overrides: [],
    },
    options: OPTIONS[kind],
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend ?? '__auto',
      exemplar: kind === 'timeseries',
      ...(once ? { instant: true, range: false } : { range: true }),
      ...(kind === 'table' ? { format: 'table' } : kind === 'heatmap' ? { format: 'heatmap' } : {}),
    })),
  };
}

const OPTIONS: Readonly<Record<Panel['kind'], object>> = {
  timeseries: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: { colorMode: 'value', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } },
  table: { showHeader: true },
  heatmap: { calculate: false, yAxis: { unit: 's' }, color: { mode: 'scheme', scheme: 'Blues' } },
  bargauge: { orientation: 'horizontal', displayMode: 'basic', reduceOptions: { calcs: ['lastNotNull'] } },
};

const DATASOURCE_VARIABLE = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {}, hide: 0 };

const ALERTS_SHOWN = {
  name: 'Alerts',
  enable: true,
  iconColor: 'red',
  datasource: DATASOURCE,
  expr: 'ALERTS{alertname=~"Tierkit.*",alertstate="firing"}',
  titleFormat: '{{alertname}}',
};

function variable({ name, metric, label }: Variable): object {
  const query = `label_values(${metric}, ${label})`;
  return {
    name,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    includeAll: true,
    allValue: '.*',
    multi: true,
    refresh: 2,
    sort: 1,
    current: { text: 'All', value: '$__all' },
  };
}
