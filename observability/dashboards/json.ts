import { type TracesType } from '../grafana/provisioning.ts';
import { type Dashboard, type Panel, type Row, type Variable, widthOf } from './dashboard.ts';
import { DATASOURCE, panelJson } from './panel-json.ts';

export interface DashboardOptions {
  /** Address of the folder of runbooks, without a slash at its end. Readers can change it. @default an example */
  readonly runbooks?: string;
  /** What keeps the traces. @default jaeger */
  readonly traces?: TracesType;
}

const HEIGHTS: Readonly<Record<Panel['kind'], number>> = { timeseries: 8, stat: 4, table: 8, heatmap: 8, bargauge: 8 };

/** As Grafana imports and provisions it. */
export function dashboardJson(
  dashboard: Dashboard,
  { runbooks = 'https://runbooks.example', traces = 'jaeger' }: DashboardOptions = {},
): string {
  const { uid, title, description, rows, variables } = dashboard;
  const whole = {
    uid,
    title,
    description,
    tags: ['tierkit'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    annotations: { list: [ALERTS_SHOWN, RELOADS_SHOWN] },
    templating: {
      list: [datasourceVariable('datasource', 'Prometheus', 'prometheus'), ...variables.map(queryVariable), ...addresses(runbooks, traces)],
    },
    links: LINKS,
    panels: panelsOf(rows),
  };
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}

function panelsOf(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({ id: panels.length + 1, type: 'row', title: row.title, collapsed: false, panels: [], gridPos: { h: 1, w: 24, x: 0, y } });
    y = placed(row.panels, panels, y + 1);
  }
  return panels;
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

function datasourceVariable(name: string, label: string, query: string): object {
  return { name, label, type: 'datasource', query, current: {}, refresh: 1, hide: 0, includeAll: false, multi: false };
}

function addresses(runbooks: string, traces: TracesType): object[] {
  const current = { text: runbooks, value: runbooks };
  return [
    datasourceVariable('traces', 'Traces', traces),
    {
      name: 'runbooks',
      label: 'Runbooks at',
      type: 'textbox',
      query: runbooks,
      current,
      options: [{ selected: true, ...current }],
      hide: 0,
    },
  ];
}

function queryVariable({ name, title, metric, label }: Variable): object {
  const query = `label_values(${metric}, ${label})`;
  return {
    name,
    label: title,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    includeAll: true,
    allValue: '.*',
    multi: true,
    refresh: 2,
    sort: 1,
    hide: 0,
    current: { text: 'All', value: '$__all' },
  };
}

const ALERTS_SHOWN = {
  name: 'Alerts',
  enable: true,
  iconColor: 'red',
  datasource: DATASOURCE,
  expr: 'ALERTS{alertname=~"Tierkit.*",alertstate="firing"}',
  titleFormat: '{{alertname}}',
};

const RELOADS_SHOWN = {
  name: 'Changes of configuration',
  enable: true,
  iconColor: 'blue',
  datasource: DATASOURCE,
  expr: 'changes(tierkit_config_generation[1m]) > 0',
  titleFormat: '{{instance}} took a change',
};

const LINK = { icon: 'external link', tooltip: '', tags: [], asDropdown: false, targetBlank: true, includeVars: false, keepTime: false };

/** Grafana puts the values of variables into addresses: they must not be encoded with the rest. */
function exploreTraces(): string {
  const panes = {
    t: {
      datasource: '${traces}',
      queries: [{ refId: 'A', queryType: 'search', service: 'ai-gateway' }],
      range: { from: 'now-1h', to: 'now' },
    },
  };
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify(panes)).replaceAll('%24%7Btraces%7D', '${traces}')}`;
}

const LINKS = [
  {
    ...LINK,
    title: 'Tierkit',
    type: 'dashboards',
    icon: 'dashboard',
    tags: ['tierkit'],
    asDropdown: true,
    targetBlank: false,
    includeVars: true,
    keepTime: true,
  },
  { ...LINK, title: 'Traces', type: 'link', url: exploreTraces() },
  { ...LINK, title: 'Runbooks', type: 'link', icon: 'doc', url: '${runbooks}' },
];
