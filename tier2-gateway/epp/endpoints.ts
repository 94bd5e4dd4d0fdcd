import { isIP, isIPv6 } from 'node:net';

export interface EndpointList {
  /** `ip:port`, an IPv6 address in brackets; in order of preference, each once. */
  readonly endpoints: readonly string[];
  /** Entries that are no `ip:port`. */
  readonly ignored: readonly string[];
}

/** Reads a picker's list: `ip:port[,ip:port…]`. An entry that cannot be read is skipped: the protocol asks for the first valid one. */
export function parseEndpoints(text: string): EndpointList {
  const endpoints = new Set<string>();
  const ignored: string[] = [];
  for (const entry of text.split(',')) {
    const trimmed = entry.trim();
    if (trimmed === '') continue;
    const endpoint = parseEndpoint(trimmed);
    if (endpoint === undefined) ignored.push(trimmed);
    else endpoints.add(endpoint);
  }
  return { endpoints: [...endpoints], ignored };
}

/**
 * One `ip:port` in its plain form, or undefined. Names are refused: a picker names pods by address. An IPv6 address without brackets,
 * as pickers write that join address and port by hand, is read as address and port at the last colon.
 */
export function parseEndpoint(text: string): string | undefined {
  const match = /^\[(?<v6>[^\]]+)\]:(?<port6>\d{1,5})$|^(?<host>.+):(?<port>\d{1,5})$/.exec(text);
  if (match?.groups === undefined) return undefined;
  const { v6, port6, host, port } = match.groups;
  const number = Number(port6 ?? port);
  if (number < 1 || number > 65_535) return undefined;
  if (v6 !== undefined) return isPlainIPv6(v6) ? `[${v6.toLowerCase()}]:${number}` : undefined;
  if (host === undefined || isIP(host) === 0) return undefined;
  return isPlainIPv6(host) ? `[${host.toLowerCase()}]:${number}` : isIPv6(host) ? undefined : `${host}:${number}`;
}

/** Whether an endpoint is in a subset, whose entries are `ip:port`, or an `ip` alone for every port of it. */
export function inSubset(endpoint: string, subset: readonly string[]): boolean {
  const address = endpoint.slice(0, endpoint.lastIndexOf(':'));
  return subset.some((entry) => {
    const trimmed = entry.trim();
    // `fd00::1:8000` can be read both ways, and either may be meant.
    if (parseEndpoint(trimmed) === endpoint) return true;
    return isIP(trimmed) !== 0 && (address === trimmed || address === `[${trimmed.toLowerCase()}]`);
  });
}

/** A scoped address (`fe80::1%eth0`) means something only on the host that wrote it. */
function isPlainIPv6(address: string): boolean {
  return isIPv6(address) && !address.includes('%');
}
