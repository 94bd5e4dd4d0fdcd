// For tests: what Grafana's dashboards may have, of the kinds that we use. Names and values after the types `dashboard`, `prometheus`,
// `timeseries`, `stat`, `table`, `bargauge` and `heatmap` of @grafana/grafana-foundation-sdk; a field that is not here is a typing error.
import { Type, type TSchema } from 'typebox';

const closed = (properties: Record<string, TSchema>) => Type.Object(properties, { additionalProperties: false });
const oneOf = (...values: readonly (string | number)[]) => ({ enum: values }) as unknown as TSchema;
const opt = Type.Optional;
const text = Type.String({ minLength: 1 });

const datasource = closed({ type: oneOf('prometheus'), uid: oneOf('${datasource}') });

const link = closed({
  title: text,
  type: oneOf('link', 'dashboards'),
  icon: Type.String(),
  tooltip: Type.String(),
  url: opt(text),
  tags: Type.Array(text),
  asDropdown: Type.Boolean(),
  targetBlank: Type.Boolean(),
  includeVars: Type.Boolean(),
  keepTime: Type.Boolean(),
});

const option = closed({ selected: opt(Type.Boolean()), text: text, value: text });
const named = { name: Type.String({ pattern: '^[a-z_]+$' }), label: text, hide: oneOf(0) };
const chosen = { includeAll: Type.Boolean(), multi: Type.Boolean() };
const variable = Type.Union([
  closed({
    ...named,
    ...chosen,
    type: oneOf('datasource'),
    query: oneOf('prometheus', 'jaeger', 'tempo'),
    current: closed({}),
    refresh: oneOf(1),
  }),
  closed({ ...named, type: oneOf('textbox'), query: text, current: option, options: Type.Array(option, { minItems: 1, maxItems: 1 }) }),
  closed({
    ...named,
    ...chosen,
    type: oneOf('query'),
    datasource,
    definition: text,
    query: closed({ query: text, refId: text }),
    allValue: oneOf('.*'),
    refresh: oneOf(1, 2),
    sort: oneOf(0, 1, 2, 3, 4),
    current: closed({ text: oneOf('All'), value: oneOf('$__all') }),
  }),
]);

const target = closed({
  refId: Type.String({ pattern: '^[A-Z]$' }),
  datasource,
  expr: text,
  legendFormat: text,
  format: oneOf('time_series', 'table', 'heatmap'),
  exemplar: Type.Boolean(),
  instant: Type.Boolean(),
  range: Type.Boolean(),
});

const color = oneOf('green', 'yellow', 'orange', 'red');
const thresholds = closed({
  mode: oneOf('absolute'),
  steps: Type.Array(closed({ value: Type.Union([Type.Number(), Type.Null()]), color }), { minItems: 2 }),
});

const fieldConfig = closed({
  defaults: closed({
    unit: oneOf('s', 'short', 'percentunit', 'reqps', 'bytes', 'ops', 'suffix: tok/s', 'dateTimeFromNow'),
    min: opt(Type.Number()),
    noValue: opt(text),
    thresholds: opt(thresholds),
    color: closed({ mode: oneOf('thresholds', 'palette-classic') }),
    mappings: opt(Type.Array(closed({ type: oneOf('value'), options: Type.Record(Type.String(), closed({ text })) }))),
    custom: opt(
      closed({
        stacking: opt(closed({ mode: oneOf('none', 'normal', 'percent'), group: text })),
        fillOpacity: opt(Type.Integer({ minimum: 0, maximum: 100 })),
        thresholdsStyle: opt(closed({ mode: oneOf('off', 'line', 'dashed', 'area') })),
      }),
    ),
  }),
  overrides: Type.Array(Type.Never()),
});

const reduceOptions = closed({ values: Type.Boolean(), calcs: Type.Array(oneOf('lastNotNull', 'max', 'mean')), fields: Type.String() });
const orientation = oneOf('auto', 'horizontal', 'vertical');

const OPTIONS: Readonly<Record<string, TSchema>> = {
  timeseries: closed({
    legend: closed({
      displayMode: oneOf('list', 'table', 'hidden'),
      placement: oneOf('bottom', 'right'),
      showLegend: Type.Boolean(),
      calcs: Type.Array(oneOf('lastNotNull', 'max', 'mean')),
    }),
    tooltip: closed({ mode: oneOf('single', 'multi', 'none'), sort: oneOf('asc', 'desc', 'none') }),
  }),
  stat: closed({
    colorMode: oneOf('value', 'background', 'none'),
    graphMode: oneOf('none', 'line', 'area'),
    justifyMode: oneOf('auto', 'center'),
    textMode: oneOf('auto', 'value', 'value_and_name', 'name', 'none'),
    wideLayout: Type.Boolean(),
    showPercentChange: Type.Boolean(),
    orientation,
    reduceOptions,
  }),
  table: closed({ showHeader: Type.Boolean(), cellHeight: oneOf('sm', 'md', 'lg') }),
  heatmap: closed({
    calculate: Type.Boolean(),
    yAxis: closed({ unit: oneOf('s'), axisPlacement: oneOf('auto', 'left', 'right') }),
    rowsFrame: closed({ layout: oneOf('le', 'ge', 'unknown', 'auto') }),
    color: closed({
      mode: oneOf('opacity', 'scheme'),
      scheme: text,
      fill: text,
      exponent: Type.Number(),
      steps: Type.Integer(),
      reverse: Type.Boolean(),
    }),
    filterValues: closed({ le: Type.Number() }),
    cellGap: Type.Integer(),
    showValue: oneOf('auto', 'never', 'always'),
    legend: closed({ show: Type.Boolean() }),
    tooltip: closed({ mode: oneOf('single', 'multi', 'none'), yHistogram: Type.Boolean() }),
    exemplars: closed({ color: text }),
  }),
  bargauge: closed({
    orientation,
    displayMode: oneOf('basic', 'lcd', 'gradient'),
    valueMode: oneOf('color', 'text', 'hidden'),
    namePlacement: oneOf('auto', 'top', 'left', 'hidden'),
    showUnfilled: Type.Boolean(),
    sizing: oneOf('auto', 'manual'),
    minVizWidth: Type.Integer(),
    minVizHeight: Type.Integer(),
    maxVizHeight: Type.Integer(),
    reduceOptions,
  }),
};

const gridPos = closed({
  h: Type.Integer({ minimum: 1 }),
  w: Type.Integer({ minimum: 1, maximum: 24 }),
  x: Type.Integer({ minimum: 0, maximum: 23 }),
  y: Type.Integer({ minimum: 0 }),
});
const placedPanel = { id: Type.Integer({ minimum: 1 }), title: text, gridPos };

const row = closed({ ...placedPanel, type: oneOf('row'), collapsed: Type.Boolean(), panels: Type.Array(Type.Never()) });
const panels = Object.entries(OPTIONS).map(([type, options]) =>
  closed({
    ...placedPanel,
    type: oneOf(type),
    description: Type.String({ minLength: 10 }),
    datasource,
    links: opt(Type.Array(link, { minItems: 1 })),
    fieldConfig,
    options,
    targets: Type.Array(target, { minItems: 1 }),
    transformations: opt(
      Type.Array(closed({ id: oneOf('organize'), options: closed({ excludeByName: Type.Record(Type.String(), Type.Boolean()) }) })),
    ),
  }),
);

const annotation = closed({ name: text, enable: Type.Boolean(), iconColor: text, datasource, expr: text, titleFormat: text });

/** Grafana's dashboard, version 39 of its schema, as JSON Schema. */
export const DASHBOARD_SCHEMA = closed({
  uid: Type.String({ pattern: '^[a-z0-9-]{8,40}$' }),
  title: text,
  description: text,
  tags: Type.Array(text, { minItems: 1 }),
  schemaVersion: oneOf(39),
  version: Type.Integer(),
  editable: Type.Boolean(),
  graphTooltip: oneOf(0, 1, 2),
  timezone: oneOf('browser', 'utc'),
  refresh: Type.String({ pattern: '^\\d+[smh]$' }),
  time: closed({ from: Type.String({ pattern: '^now-\\d+[smhd]$' }), to: oneOf('now') }),
  annotations: closed({ list: Type.Array(annotation) }),
  templating: closed({ list: Type.Array(variable) }),
  links: Type.Array(link),
  panels: Type.Array(Type.Union([row, ...panels]), { minItems: 2 }),
});
