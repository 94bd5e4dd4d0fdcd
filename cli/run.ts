import { autoConfig } from '../gateway/autoconfig.ts';
import { InvalidExtension, loadExtensions } from '../gateway/extensions/load.ts';
import { TierOne, type TierOneOptions } from '../gateway/main.ts';
import { Ledger, LedgerError } from '../gateway/ledger/ledger.ts';
import { DEFAULT_PREFIXES, type EndpointPrefixes, EndpointTable } from '#core/read/endpoints';
import { tryIt } from '../gateway/try-it.ts';
import { type Command, CommandError, parse, UsageError } from './command.ts';
import { COUNTS_HELP, COUNTS_OPTIONS, countsOf, failureModeOf } from './counts.ts';
import { FEEDBACK_HELP, FEEDBACK_OPTIONS, feedbackOf } from './feedback.ts';
import { MCP_HELP, MCP_OPTIONS, sessionKeysOf } from './mcp-options.ts';
import { clusterOf, KUBERNETES_HELP, KUBERNETES_OPTIONS, TIER_ONE } from './kubernetes.ts';
import { commonOptions, log, serveTier, TIER_OPTIONS } from './serve.ts';
import { telemetryOf, TRACING_HELP } from './tracing.ts';

const HELP = `Usage: tierkit run [PATH…] [OPTION…]

Serves tier one: one OpenAI- and Anthropic-compatible API in front of the providers that the resources name.
PATH is a file or a folder of Kubernetes YAML (Gateway API, Envoy AI Gateway, Envoy Gateway). It is watched: a change is live
at once, a bad one is refused with the reasons. SIGHUP loads again, SIGTERM drains and stops.

Without PATH the providers come from the environment:
  OPENAI_API_KEY      [OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID]
  ANTHROPIC_API_KEY   [ANTHROPIC_BASE_URL]
  AZURE_OPENAI_API_KEY, AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION (instead of OPENAI_API_KEY)

  --port PORT                port of the first listener (default 1975); 0 takes a free one
  --admin-port PORT          /healthz /readyz /metrics /config (default 1064)
  --admin-host ADDRESS       address of these (default 127.0.0.1; 0.0.0.0 for the probes of a cluster)
  --host ADDRESS             address to listen on (default 127.0.0.1; 0.0.0.0 for all)
  --secret-dir DIR           Secrets from mounted files: DIR/[NAMESPACE/]NAME/KEY; watched as well
  --plugin FILE              a module with hooks of your own; may be given several times
  --unready DURATION         time after SIGTERM in which requests are still taken, and sent elsewhere (default 500ms)
  --drain DURATION           time for running requests after that (default 30s)
  --root-prefix PATH         where all endpoints begin (default /)
  --endpoint-prefixes LIST   default openai:/,cohere:/cohere,anthropic:/anthropic
  --no-access-log            write no line for each request
  --signing-key FILE         Ed25519 private key (PEM): signs what tier two is told of a request; the file's name is the key's id
  --peer-keys FILE           JWK set with tier two's public keys: its usage receipts are verified with them
${COUNTS_HELP}${MCP_HELP}  --ledger DIR               a line of JSON for each request to a model API: who used what, and what it cost ("tierkit ledger" reads it)
${FEEDBACK_HELP}  --debug-headers            answer x-tierkit-config to requests with x-tierkit-debug
${KUBERNETES_HELP}${TRACING_HELP}`;

const OPTIONS = {
  ...TIER_OPTIONS,
  ...COUNTS_OPTIONS,
  ...FEEDBACK_OPTIONS,
  ...KUBERNETES_OPTIONS,
  ...MCP_OPTIONS,
  ledger: { type: 'string' },
  plugin: { type: 'string', multiple: true },
  'root-prefix': { type: 'string', default: '/' },
  'endpoint-prefixes': { type: 'string' },
} as const;

export const run: Command = {
  name: 'run',
  summary: 'serve tier one from files, or from the API keys in the environment',
  help: HELP,
  run: (args) => serve(args),
};

async function serve(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  const prefixes = prefixesOf(values['root-prefix'], values['endpoint-prefixes']);
  // Before the extensions: the meters that these ask for when they are loaded are to be working ones.
  const { tracing, push, headerLabels } = await telemetryOf('ai-gateway');
  const extensions = await plugins(values.plugin ?? []);
  const common = commonOptions(values, { port: 1975, adminPort: 1064 });
  const cluster = await clusterOf(values, positionals, TIER_ONE);
  if (cluster !== undefined && values['mcp-config'] !== undefined)
    throw new UsageError(
      '--mcp-config and --kubernetes exclude each other: programs are started from a file of a person’s own machine alone',
    );
  const limitsFailureMode = failureModeOf(values);
  const feedback = feedbackOf(values);
  const counts = await countsOf(values, process.env['REDIS_URL'], log);
  const ledger = values.ledger === undefined ? undefined : await ledgerOf(values.ledger);
  const sessionKeys = sessionKeysOf(values['mcp-session-keys']);
  // Last of all: it starts programs.
  const { sources, bridge } =
    values['mcp-config'] === undefined
      ? { sources: cluster?.sources ?? sourcesOf(positionals, values['secret-dir'], common.port), bridge: undefined }
      : await mcpSources(values['mcp-config'], positionals, values['secret-dir'], common.port);
  const tier = new TierOne({
    ...common,
    sources,
    prefixes,
    extensions,
    counts,
    limitsFailureMode,
    ledger,
    tracing,
    feedback,
    headerLabels,
    ...(sessionKeys === undefined ? {} : { mcpKeys: () => sessionKeys.current }),
  });
  cluster?.measure(tier.metrics);
  const beside = [sessionKeys, bridge].flatMap((each) => each ?? []);
  return serveTier(tier, { ...common, tracing, push, beside }, (host) =>
    tryIt(tier.configuration.current, new Map(tier.ports), host, new EndpointTable(prefixes)),
  );
}

/** What it needs is loaded for those alone who use it. */
async function mcpSources(file: string, paths: readonly string[], secretDir: string | undefined, port: number) {
  const { withMcpConfig } = await import('./mcp-config.ts');
  return withMcpConfig(file, paths, secretDir, port === 0 ? 1975 : port);
}

function sourcesOf(paths: readonly string[], secretDir: string | undefined, port: number): TierOneOptions['sources'] {
  if (paths.length > 0) return { paths, secretDir, env: process.env };
  const { yaml, problems } = autoConfig(process.env, port === 0 ? 1975 : port);
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
  if (yaml === undefined) {
    throw new CommandError(
      'no PATH is given and no key is set: give a folder of resources, or set OPENAI_API_KEY, ANTHROPIC_API_KEY or AZURE_OPENAI_API_KEY ("npm start" runs an example without a key)',
    );
  }
  return { paths, secretDir, env: {}, texts: [{ file: 'environment', text: yaml }] };
}

async function ledgerOf(folder: string): Promise<Ledger> {
  try {
    return await Ledger.open({ folder, log });
  } catch (error) {
    if (error instanceof LedgerError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

async function plugins(paths: readonly string[]) {
  try {
    return await loadExtensions(paths);
  } catch (error) {
    if (error instanceof InvalidExtension) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

function prefixesOf(root: string, list: string | undefined): EndpointPrefixes {
  const prefixes = { ...DEFAULT_PREFIXES, root };
  if (!root.startsWith('/')) throw new UsageError(`--root-prefix must begin with "/", not "${root}"`);
  for (const part of list === undefined ? [] : list.split(',')) {
    const [api = '', prefix = ''] = part.split(':');
    if (api !== 'openai' && api !== 'cohere' && api !== 'anthropic')
      throw new UsageError(`--endpoint-prefixes knows openai, cohere and anthropic, not "${api}"`);
    if (!prefix.startsWith('/')) throw new UsageError(`--endpoint-prefixes: the prefix of ${api} must begin with "/", not "${prefix}"`);
    prefixes[api] = prefix;
  }
  return prefixes;
}
