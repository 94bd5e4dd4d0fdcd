import { madeYaml } from '../made.ts';

/** Uids by which data sources know each other: an exemplar of the one opens its trace in the other. */
export const PROMETHEUS_UID = 'tierkit-prometheus';
export const TRACES_UID = 'tierkit-traces';

export interface DatasourceOptions {
  /** @default http://127.0.0.1:9090 */
  readonly prometheus?: string;
  /** Address of the query API. @default http://127.0.0.1:16686 for Jaeger, http://127.0.0.1:3200 for Tempo */
  readonly traces?: string;
  /** @default jaeger */
  readonly tracesType?: TracesType;
  /** How often Prometheus scrapes: Grafana's `$__rate_interval` is at least four times that. @default 15s */
  readonly scrapeInterval?: string;
}

export type TracesType = 'jaeger' | 'tempo';

const TRACES_URL: Readonly<Record<TracesType, string>> = { jaeger: 'http://127.0.0.1:16686', tempo: 'http://127.0.0.1:3200' };
const TRACES_NAME: Readonly<Record<TracesType, string>> = { jaeger: 'Jaeger', tempo: 'Tempo' };

/** Data sources as Grafana provisions them: Prometheus, and what keeps the traces. */
export function datasources({ prometheus, traces, tracesType = 'jaeger', scrapeInterval = '15s' }: DatasourceOptions = {}): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        name: 'Tierkit Prometheus',
        uid: PROMETHEUS_UID,
        type: 'prometheus',
        access: 'proxy',
        url: prometheus ?? 'http://127.0.0.1:9090',
        jsonData: {
          httpMethod: 'POST',
          timeInterval: scrapeInterval,
          // The label that our exemplars have.
          exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: TRACES_UID }],
        },
      },
      {
        name: `Tierkit ${TRACES_NAME[tracesType]}`,
        uid: TRACES_UID,
        type: tracesType,
        access: 'proxy',
        url: traces ?? TRACES_URL[tracesType],
      },
    ],
  };
}

/** The provider of our dashboards. @param path folder with their JSON, on the machine of Grafana */
export function dashboardProvider(path = '/var/lib/grafana/dashboards/tierkit'): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: 'tierkit',
        folder: 'Tierkit',
        type: 'file',
        // They are made of code: what is changed by hand would be lost with the next version.
        allowUiUpdates: false,
        options: { path },
      },
    ],
  };
}

const FROM = 'observability/grafana/provisioning.ts';

export const GRAFANA_FILES: ReadonlyMap<string, string> = new Map([
  ['observability/grafana/datasources.yaml', madeYaml(FROM, datasources())],
  ['observability/grafana/dashboards.yaml', madeYaml(FROM, dashboardProvider())],
]);
