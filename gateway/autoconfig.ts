/** Resources made from environment variables, as `aigw run` makes them when it is given no file. */
export interface AutoConfig {
  /** YAML, or undefined when no provider's key is set. */
  readonly yaml: string | undefined;
  /** What is wrong with the variables, one line each. */
  readonly problems: readonly string[];
  /** A model to try. */
  readonly example: string;
}

type Env = Readonly<Record<string, string | undefined>>;

interface Provider {
  readonly name: string;
  readonly schema: object;
  readonly url: URL;
  readonly key: string;
  readonly type: 'APIKey' | 'AnthropicAPIKey' | 'AzureAPIKey';
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/**
 * `AZURE_OPENAI_API_KEY` with `AZURE_OPENAI_ENDPOINT` and `OPENAI_API_VERSION`, else `OPENAI_API_KEY` with `OPENAI_BASE_URL`,
 * `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`; and `ANTHROPIC_API_KEY` with `ANTHROPIC_BASE_URL`. Models that begin with `claude` go to
 * Anthropic, all others to OpenAI or Azure; with one provider alone everything goes to it.
 */
export function autoConfig(env: Env, port: number): AutoConfig {
  const problems: string[] = [];
  const openai = env['AZURE_OPENAI_API_KEY'] ? azure(env, problems) : openaiProvider(env, problems);
  const anthropic = anthropicProvider(env, problems);
  const providers = [openai, anthropic].flatMap((provider) => provider ?? []);
  if (providers.length === 0) return { yaml: undefined, problems, example: '' };
  const rules = [
    ...(anthropic === undefined ? [] : [rule('anthropic', openai === undefined ? '.*' : 'claude.*')]),
    ...(openai === undefined ? [] : [rule(openai.name, '.*')]),
  ];
  const parents = [{ name: 'tierkit', kind: 'Gateway', group: 'gateway.networking.k8s.io' }];
  const documents = [
    resource('gateway.networking.k8s.io/v1', 'Gateway', 'tierkit', {
      gatewayClassName: 'tierkit',
      listeners: [{ name: 'http', protocol: 'HTTP', port }],
    }),
    // The order of two patterns is that of their rules.
    resource('aigateway.envoyproxy.io/v1beta1', 'AIGatewayRoute', 'tierkit', { parentRefs: parents, rules }),
    ...providers.flatMap(provider),
  ];
  return {
    // Keys stand in it as they are: nothing in them is a variable.
    yaml: documents.map((document) => JSON.stringify(document).replaceAll('${', () => String.raw`\u0024{`)).join('\n---\n'),
    problems,
    example: openai === undefined ? 'claude-haiku-4-5' : 'gpt-5-mini',
  };
}

function rule(backend: string, models: string): object {
  return {
    matches: [{ headers: [{ type: 'RegularExpression', name: 'x-ai-eg-model', value: models }] }],
    backendRefs: [{ name: backend }],
  };
}

function provider({ name, schema, url, key, type, headers }: Provider): object[] {
  const field = { APIKey: 'apiKey', AnthropicAPIKey: 'anthropicAPIKey', AzureAPIKey: 'azureAPIKey' }[type];
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const endpoint = /^[\d.]+$|:/.test(host) ? { ip: { address: host, port } } : { fqdn: { hostname: host, port } };
  const tls = url.protocol === 'https:' ? { tls: { wellKnownCACertificates: 'System' } } : {};
  return [
    resource('aigateway.envoyproxy.io/v1beta1', 'AIServiceBackend', name, {
      schema,
      backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name },
      ...(headers.length === 0 ? {} : { headerMutation: { set: headers } }),
    }),
    resource('gateway.envoyproxy.io/v1alpha1', 'Backend', name, { endpoints: [endpoint], ...tls }),
    resource('aigateway.envoyproxy.io/v1beta1', 'BackendSecurityPolicy', name, {
      targetRefs: [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name }],
      type,
      [field]: { secretRef: { name } },
    }),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { apiKey: key } },
  ];
}

function openaiProvider(env: Env, problems: string[]): Provider | undefined {
  const key = env['OPENAI_API_KEY'];
  if (!key) return undefined;
  checkSendable(['OPENAI_API_KEY', 'OPENAI_ORG_ID', 'OPENAI_PROJECT_ID'], env, problems);
  const url = urlOf('OPENAI_BASE_URL', env['OPENAI_BASE_URL'] || 'https://api.openai.com/v1', problems);
  if (url === undefined) return undefined;
  const headers = [
    ['OpenAI-Organization', env['OPENAI_ORG_ID']],
    ['OpenAI-Project', env['OPENAI_PROJECT_ID']],
  ].flatMap(([name, value]) => (value ? [{ name: name!, value }] : []));
  return { name: 'openai', schema: { name: 'OpenAI', ...prefixOf(url) }, url, key, type: 'APIKey', headers };
}

function azure(env: Env, problems: string[]): Provider | undefined {
  const { AZURE_OPENAI_API_KEY: key, AZURE_OPENAI_ENDPOINT: endpoint, OPENAI_API_VERSION: version } = env;
  checkSendable(['AZURE_OPENAI_API_KEY'], env, problems);
  if (!endpoint) problems.push('AZURE_OPENAI_API_KEY is set, and AZURE_OPENAI_ENDPOINT is not: set it to https://NAME.openai.azure.com');
  if (!version) problems.push('AZURE_OPENAI_API_KEY is set, and OPENAI_API_VERSION is not: set it to a version such as 2024-10-21');
  const url = endpoint ? urlOf('AZURE_OPENAI_ENDPOINT', endpoint, problems) : undefined;
  if (url === undefined || !version) return undefined;
  if (!/^\/*$/.test(url.pathname)) {
    problems.push(`AZURE_OPENAI_ENDPOINT must have no path: set it to ${url.origin}`);
    return undefined;
  }
  return { name: 'azure-openai', schema: { name: 'AzureOpenAI', version }, url, key: key!, type: 'AzureAPIKey', headers: [] };
}

function anthropicProvider(env: Env, problems: string[]): Provider | undefined {
  const key = env['ANTHROPIC_API_KEY'];
  if (!key) return undefined;
  checkSendable(['ANTHROPIC_API_KEY'], env, problems);
  const url = urlOf('ANTHROPIC_BASE_URL', env['ANTHROPIC_BASE_URL'] || 'https://api.anthropic.com', problems);
  if (url === undefined) return undefined;
  // The SDKs' base URL ends before the version.
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  const prefix = path === '' ? {} : { prefix: /(^|\/)v1$/.test(path) ? path : `${path}/v1` };
  return { name: 'anthropic', schema: { name: 'Anthropic', ...prefix }, url, key, type: 'AnthropicAPIKey', headers: [] };
}

/** What goes into a header must fit into one. The value is not shown: it may be a key. */
function checkSendable(variables: readonly string[], env: Env, problems: string[]): void {
  for (const variable of variables) {
    const value = env[variable]?.trim() ?? '';
    if (/[^\u0021-\u007e]/.test(value)) problems.push(`${variable} has spaces, line breaks or other characters that no key has`);
    else if (value === '' && env[variable]) problems.push(`${variable} is blank`);
  }
}

const HOST = /^(?:[\d.]+|\[[\da-f:.]+\]|[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)$/;

function urlOf(variable: string, value: string, problems: string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const http = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === undefined || !http || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    // The user part may be a password, and the query a key.
    const shown = http ? url.origin : value.includes('@') ? 'its value' : `"${value.slice(0, 100)}"`;
    problems.push(`${variable} must be a URL such as https://api.openai.com/v1, without user, query and fragment; ${shown} is not`);
    return undefined;
  }
  if (HOST.test(url.hostname) && url.port !== '0') return url;
  problems.push(`${variable}: "${url.host.slice(0, 100)}" is no host name and port that can be called`);
  return undefined;
}

function prefixOf(url: URL): { prefix?: string } {
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  return path === 'v1' || path === '' ? {} : { prefix: path };
}

function resource(apiVersion: string, kind: string, name: string, spec: object): object {
  return { apiVersion, kind, metadata: { name }, spec };
}
