import { isIP } from 'node:net';

import { inUrl } from '#core/http/origin';

/** One port of one pod of a pool: with data parallelism a pod is several endpoints. */
export interface PoolEndpoint {
  /** `ip:port`, with brackets around IPv6, as the endpoint picker protocol writes it. */
  readonly id: string;
  /** Name of the pod, or what stands for it where there is no cluster. */
  readonly pod: string;
  /** IP address without brackets. */
  readonly address: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** An endpoint that is not ready, or about to end, takes no new requests; those it has run on. */
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Start of the pod, milliseconds since 1970: another start under the same id is another engine, with an empty cache. */
  readonly startedAt?: number;
}

/**
 * Where the endpoints of a pool come from. Each call of `onChange` has all of them. A source never empties the list because it cannot read
 * it: it says why to whoever made it, and the last list stays.
 */
export interface EndpointSource {
  start(onChange: (endpoints: readonly PoolEndpoint[]) => void): void;
  stop(): void;
}

export function endpointId(address: string, port: number): string {
  return `${inUrl(address)}:${port}`;
}

/**
 * Reads `ip:port` or `[ip]:port`; without a port, `port` is undefined.
 * @throws Error with what is wrong about the text
 */
export function parseAddress(text: string): { address: string; port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  const [, address = text, digits] = bracketed ?? (isIP(text) === 6 ? [] : (/^([^:]*)(?::(\d+))?$/.exec(text) ?? []));
  if (isIP(address) === 0 || (bracketed !== null && isIP(address) !== 6)) throw new Error(`${JSON.stringify(text)} is no ip:port`);
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) throw new Error(`${JSON.stringify(text)}: ${port} is no port (1–65535)`);
  return { address, port };
}

/** A pod that is ready, as an endpoint for each port. */
export function endpointsOf(
  pod: Omit<PoolEndpoint, 'id' | 'port' | 'pod'> & { readonly pod?: string },
  ports: readonly number[],
): PoolEndpoint[] {
  return ports.map((port) => {
    const id = endpointId(pod.address, port);
    return { ...pod, id, port, pod: pod.pod ?? id };
  });
}
