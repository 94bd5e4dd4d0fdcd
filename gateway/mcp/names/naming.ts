/** How clients call what the servers of a route offer. */
export interface Naming {
  readonly kind: 'passthrough' | 'prefix';
  /** What the client calls a tool or prompt of the server. */
  toClient(server: string, name: string): string;
  /** Whose tool or prompt it is, and what the server calls it; undefined where no server's is. */
  toServer(name: string): Owned | undefined;
  /** What the client calls a resource, or a template of resources, of the server. */
  uriToClient(server: string, uri: string): string;
  uriToServer(uri: string): Owned | undefined;
  /**
   * Pairs of servers of which the first one's names may look like the second one's: `a` and `a__b`. Such a name is the second
   * one's, and what the first one means by it cannot be reached. For the check of a route; empty where server names are those of
   * Kubernetes objects.
   */
  readonly conflicts: readonly (readonly [string, string])[];
}

export interface Owned {
  readonly server: string;
  /** Name or URI in the server's words. */
  readonly name: string;
}

const NAME_SEPARATOR = '__';
const URI_SEPARATOR = '+';
/** MCP Apps: clients know the user interface of a tool by this scheme, so it has to stay in front. */
const UI = 'ui://';

/** Names of the only server of a route, unchanged. */
export function passthroughNaming(server: string): Naming {
  const own = (name: string): Owned => ({ server, name });
  return {
    kind: 'passthrough',
    toClient: (_, name) => name,
    toServer: own,
    uriToClient: (_, uri) => uri,
    uriToServer: own,
    conflicts: [],
  };
}

/**
 * `server__name`, `server+scheme://…` and `ui://server/…`, as Envoy AI Gateway has them. The longest server name that fits is the
 * owner, so decoding has one answer, whatever is in the names.
 *
 * @see https://aigateway.envoyproxy.io/docs/capabilities/mcp/
 */
export function prefixNaming(servers: readonly string[]): Naming {
  const longestFirst = [...servers].sort((one, other) => other.length - one.length);
  return {
    kind: 'prefix',
    toClient: (server, name) => `${server}${NAME_SEPARATOR}${name}`,
    toServer: (name) => owner(longestFirst, name, NAME_SEPARATOR),
    uriToClient: (server, uri) => (uri.startsWith(UI) ? `${UI}${server}/${uri.slice(UI.length)}` : `${server}${URI_SEPARATOR}${uri}`),
    uriToServer: (uri) => {
      if (!uri.startsWith(UI)) return ownerOfUri(longestFirst, uri, URI_SEPARATOR);
      const owned = ownerOfUri(longestFirst, uri.slice(UI.length), '/');
      return owned && { server: owned.server, name: `${UI}${owned.name}` };
    },
    conflicts: [NAME_SEPARATOR, URI_SEPARATOR, '/'].flatMap((separator) => conflictsOf(servers, separator)),
  };
}

function owner(longestFirst: readonly string[], text: string, separator: string): Owned | undefined {
  for (const server of longestFirst) {
    const start = server.length + separator.length;
    if (text.startsWith(server) && text.startsWith(separator, server.length)) return { server, name: text.slice(start) };
  }
  return undefined;
}

/** Clients' URI parsers write schemes, and some hosts, in lower case (RFC 3986, section 6.2.2.1). */
function ownerOfUri(longestFirst: readonly string[], uri: string, separator: string): Owned | undefined {
  const exact = owner(longestFirst, uri, separator);
  if (exact !== undefined) return exact;
  const fits = longestFirst.filter((server) => {
    const head = uri.slice(0, server.length + separator.length);
    return head === `${server.toLowerCase()}${separator}`;
  });
  const [server, another] = fits;
  if (server === undefined || another?.length === server.length) return undefined;
  return { server, name: uri.slice(server.length + separator.length) };
}

function conflictsOf(servers: readonly string[], separator: string): (readonly [string, string])[] {
  return servers.flatMap((one) =>
    servers.filter((other) => other !== one && isHead(`${one}${separator}`, `${other}${separator}`)).map((other) => [one, other] as const),
  );
}

/** Whatever the case: a client's URI parser may lower it. */
function isHead(one: string, other: string): boolean {
  return other.toLowerCase().startsWith(one.toLowerCase());
}

/** What SEP-986 and some model APIs take. */
const SAFE_LENGTH = 64;
/** What MCP 2025-11-25 and later take. */
const MAX_LENGTH = 128;
const SAFE = /^[A-Za-z0-9_-]+$/;

/**
 * Why some clients will not take a name of a tool; undefined where all take it. Names are reported and never cut: two that are cut
 * may be the same.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names
 * @see https://github.com/github/copilot-cli/issues/1879 model APIs take no dot and no slash, which MCP allows
 */
export function nameProblem(name: string): string | undefined {
  if (name.length > MAX_LENGTH) return `has ${name.length} characters; MCP allows ${MAX_LENGTH}`;
  if (name.length > SAFE_LENGTH) return `has ${name.length} characters; some clients take ${SAFE_LENGTH}`;
  if (!SAFE.test(name)) return 'has characters besides letters, digits, _ and -, which some model APIs refuse';
  return undefined;
}
