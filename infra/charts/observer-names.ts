import type { Namespaces } from '../settings.ts';
import type { Peer } from './network.ts';

/** `app.kubernetes.io/name` of the parts that observe; their Services and Deployments are called so as well. */
export const OBSERVERS = { prometheus: 'prometheus', jaeger: 'jaeger', phoenix: 'phoenix' } as const;
export type ObserverName = keyof typeof OBSERVERS;

/** OTLP over HTTP, the API and the pages of Phoenix share a port. */
export const PHOENIX_PORT = 6006;
/** Of Jaeger's pages and API. */
export const JAEGER_UI = 16_686;

/** Base URL of an observer, within its cluster. */
export function observerUrl({ observability }: Namespaces, name: ObserverName, port: number): string {
  return `http://${OBSERVERS[name]}.${observability}.svc:${port}`;
}

/** The pods of an observer. */
export function observerPeer({ observability }: Namespaces, name: ObserverName): Peer {
  return { namespace: observability, labels: { 'app.kubernetes.io/name': OBSERVERS[name] } };
}
