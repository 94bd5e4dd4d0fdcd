import type { ClientTrafficPolicy } from '../resources/envoy-gateway/client-traffic-policy.ts';
import { quantityBytes } from '../resources/envoy-gateway/quantity.ts';
import { durationMs } from '../resources/schema.ts';

import type { Certificate } from './certificates.ts';
import { compileClientAddress, type ClientAddress } from './client-address.ts';
import type { HostTable } from './table.ts';

/** How a listener treats its clients, from its ClientTrafficPolicy or by default. */
export interface ClientSettings {
  readonly maxBodyBytes: number;
  /** For the body to arrive; 0: none. */
  readonly requestReceivedMs: number;
  readonly idleMs: number | undefined;
  readonly connectionLimit: number | undefined;
  readonly address: ClientAddress;
}

/** The reference's own limit of a buffered body. */
const MAX_BODY_BYTES = 50 * 1024 * 1024;
const REQUEST_RECEIVED_MS = 60_000;

export function clientSettings(policy: ClientTrafficPolicy | undefined): ClientSettings {
  const spec = policy?.body.spec;
  const received = spec?.timeout?.http?.requestReceivedTimeout;
  const idle = spec?.timeout?.http?.idleTimeout;
  const limit = spec?.connection?.bufferLimit;
  return {
    maxBodyBytes: limit === undefined ? MAX_BODY_BYTES : quantityBytes(limit),
    requestReceivedMs: received === undefined ? REQUEST_RECEIVED_MS : durationMs(received),
    idleMs: idle === undefined ? undefined : durationMs(idle),
    connectionLimit: spec?.connection?.connectionLimit?.value,
    address: compileClientAddress(spec?.clientIPDetection?.xForwardedFor),
  };
}

/** One listener of a Gateway. */
export interface ListenerTable {
  /** `namespace/gateway/listener`. */
  readonly name: string;
  readonly gateway: { readonly namespace: string; readonly name: string };
  readonly protocol: 'HTTP' | 'HTTPS';
  /** Exact name, `*.suffix`, or `*`. */
  readonly hostname: string;
  readonly hosts: HostTable;
  readonly client: ClientSettings;
  /** Of HTTPS; the first one is for names that none of them has. */
  readonly certificates: readonly Certificate[];
}

/** The listeners of one port. A request belongs to the most specific listener for its host, and sees no route of another one. */
export class PortTable {
  /** Tells it from others: in a cluster each Gateway has its own ports. */
  readonly key: string;
  /** As clients know it. */
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS';
  /** Port to listen on; undefined: the next free one of the process. */
  readonly listenOn: number | undefined;
  readonly listeners: readonly ListenerTable[];
  readonly #only: ListenerTable | undefined;

  constructor({ key, port, protocol, listenOn }: PortInfo, listeners: readonly ListenerTable[]) {
    this.key = key;
    this.port = port;
    this.protocol = protocol;
    this.listenOn = listenOn;
    this.listeners = [...listeners].sort((a, b) => specificity(b.hostname) - specificity(a.hostname));
    this.#only = listeners.length === 1 && listeners[0]!.hostname === '*' ? listeners[0] : undefined;
  }

  /** For a client that asks for this name (SNI); undefined where it asks for none. */
  certificate(name: string | undefined): Certificate | undefined {
    if (name !== undefined) {
      const own = this.listener(name)?.certificates;
      const found = own?.find((certificate) => certificate.isFor(name)) ?? own?.[0];
      if (found !== undefined) return found;
    }
    return this.listeners.flatMap(({ certificates }) => certificates)[0];
  }

  /**
   * Whether a connection was made for another listener than the one of the request's host: clients share a connection among hosts of one
   * certificate. @param name that the client asked for (SNI)
   * @see Gateway API, Listener `hostname`; RFC 9110, section 15.5.20
   */
  isMisdirected(name: string, listener: ListenerTable): boolean {
    if (this.listeners.length === 1) return false;
    const asked = this.listener(name.toLowerCase());
    return asked !== undefined && asked !== listener;
  }

  listener(host: string): ListenerTable | undefined {
    if (this.#only !== undefined) return this.#only;
    return this.listeners.find(
      ({ hostname }) => hostname === '*' || hostname === host || (hostname.startsWith('*.') && host.endsWith(hostname.slice(1))),
    );
  }
}

/** What a port is, apart from its listeners. */
export type PortInfo = Pick<PortTable, 'key' | 'port' | 'protocol' | 'listenOn'>;

function specificity(hostname: string): number {
  if (hostname === '*') return 0;
  return hostname.startsWith('*.') ? hostname.length : 1000 + hostname.length;
}
