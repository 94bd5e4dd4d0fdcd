import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { expect, it } from 'vitest';

import { dashboardProvider, datasources, PROMETHEUS_UID, TRACES_UID } from './provisioning.ts';

interface Datasource {
  readonly name: string;
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly jsonData?: { readonly exemplarTraceIdDestinations: readonly { readonly name: string; readonly datasourceUid: string }[] };
}
const listOf = (config: object): readonly Datasource[] => (config as { datasources: readonly Datasource[] }).datasources;

it('an exemplar of Prometheus opens its trace where the traces are', () => {
  for (const tracesType of ['jaeger', 'tempo'] as const) {
    const [prometheus, traces] = listOf(datasources({ tracesType }));
    expect([prometheus?.uid, traces?.uid, traces?.type]).toEqual([PROMETHEUS_UID, TRACES_UID, tracesType]);
    expect(prometheus?.jsonData?.exemplarTraceIdDestinations).toEqual([{ name: 'trace_id', datasourceUid: traces?.uid }]);
  }
});

it('exemplars have their trace under the name that the data source goes by', () => {
  const exposition = readFileSync(join(import.meta.dirname, '../../core/telemetry/metrics/exposition.ts'), 'utf8');
  const [prometheus] = listOf(datasources());
  expect(exposition).toContain(`{${prometheus?.jsonData?.exemplarTraceIdDestinations[0]?.name}=`);
});

it('data sources have names and uids of their own, and are where they are told to be', () => {
  const list = listOf(datasources({ prometheus: 'http://p', traces: 'http://t', scrapeInterval: '30s' }));
  expect(list.map(({ url }) => url)).toEqual(['http://p', 'http://t']);
  expect(list[0]).toMatchObject({ jsonData: { timeInterval: '30s' } });
  expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
});

it('dashboards come from a folder, and are not to be changed by hand', () => {
  expect(dashboardProvider('/d')).toMatchObject({
    apiVersion: 1,
    providers: [{ type: 'file', allowUiUpdates: false, options: { path: '/d' } }],
  });
});

it.each(['datasources', 'dashboards'])('%s.yaml is YAML that begins with its version', (name) => {
  expect(load(readFileSync(join(import.meta.dirname, `${name}.yaml`), 'utf8'))).toMatchObject({ apiVersion: 1 });
});
