import { accessLogger, accessLogStream } from '#core/telemetry/accesslog';
import { durationMs } from '#core/resources/schema';
import { formatProblem, InvalidResources } from '#core/resources/problem';

import { autoConfig } from '../gateway/autoconfig.ts';
import { InvalidExtension, loadExtensions } from '../gateway/extensions/load.ts';
import { TierOne, type TierOneOptions } from '../gateway/main.ts';
import { DEFAULT_PREFIXES, type EndpointPrefixes, EndpointTable } from '#core/read/endpoints';
import { tryIt } from '../gateway/try-it.ts';
import { type Command, CommandError, parse, portOf, UsageError } from './command.ts';

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
  --drain DURATION           time for running requests after SIGTERM (default 30s)
  --root-prefix PATH         where all endpoints begin (default /)
  --endpoint-prefixes LIST   default openai:/,cohere:/cohere,anthropic:/anthropic
  --no-access-log            write no line for each request
  --debug-headers            answer x-tierkit-config to requests with x-tierkit-debug
`;

const OPTIONS = {
  port: { type: 'string', default: '1975' },
  'admin-port': { type: 'string', default: '1064' },
  'admin-host': { type: 'string', default: '127.0.0.1' },
  host: { type: 'string', default: '127.0.0.1' },
  'secret-dir': { type: 'string' },
  plugin: { type: 'string', multiple: true },
  drain: { type: 'string', default: '30s' },
  'root-prefix': { type: 'string', default: '/' },
  'endpoint-prefixes': { type: 'string' },
  'no-access-log': { type: 'boolean' },
  'debug-headers': { type: 'boolean' },
} as const;

export const run: Command = {
  name: 'run',
  summary: 'serve tier one from files, or from the API keys in the environment',
  help: HELP,
  run: (args) => serve(args),
};

async function serve(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  const port = portOf(values.port, 'port');
  const adminPort = portOf(values['admin-port'], 'admin-port');
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(values.drain))
    throw new UsageError(`--drain must be a duration such as 30s, not "${values.drain}"`);
  const prefixes = prefixesOf(values['root-prefix'], values['endpoint-prefixes']);
  const extensions = await plugins(values.plugin ?? []);
  const stream = values['no-access-log'] === true ? undefined : accessLogStream();
  const logger = stream === undefined ? undefined : accessLogger(stream);
  const options: TierOneOptions = {
    sources: sourcesOf(positionals, values['secret-dir'], port),
    host: values.host,
    port,
    adminPort,
    adminHost: values['admin-host'],
    drainMs: durationMs(values.drain),
    prefixes,
    extensions,
    debugHeaders: values['debug-headers'] ?? false,
    accessLog: logger === undefined ? undefined : (line) => logger.info(line),
    log,
  };
  const tier = new TierOne(options);
  try {
    await tier.start();
  } catch (error) {
    throw startFailure(error, options);
  }
  announce(tier, options);
  // A chunk of the access log waits for more lines; whoever looks at it should not.
  const flush = setInterval(() => stream?.flush(), 1000).unref();
  await stopped(tier);
  clearInterval(flush);
  stream?.flushSync();
  return 0;
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

/** What went wrong at the start, in the words of the person who has to mend it. */
function startFailure(error: unknown, { host, port, adminPort, adminHost = '127.0.0.1' }: TierOneOptions): unknown {
  if (error instanceof InvalidResources)
    return new CommandError(
      `${error.problems.length} ${error.problems.length === 1 ? 'problem' : 'problems'} in the resources\n${error.problems.map(formatProblem).join('\n')}`,
    );
  const { code, port: failed = port, address } = error as { code?: string; port?: number; address?: string };
  const option = failed === adminPort ? '--admin-port' : '--port';
  if (code === 'EADDRINUSE') return new CommandError(`port ${failed} is taken; choose another one with ${option}`);
  if (code === 'EACCES')
    return new CommandError(`port ${failed} needs more rights than this user has; choose one above 1023 with ${option}`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const admin = address === adminHost && adminHost !== host;
    return new CommandError(`${admin ? `--admin-host ${adminHost}` : `--host ${host}`} is no address of this machine`);
  }
  return error;
}

/** An address as a URL has it; that of all addresses as this machine reaches it. */
function inUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function announce(tier: TierOne, { host, adminHost = '127.0.0.1', prefixes }: TierOneOptions): void {
  const { current, ignored } = tier.configuration;
  for (const name of ignored) log('info', `ignored, without effect here: ${name}`);
  for (const notice of current.notices) log('warn', notice);
  const ports = [...tier.ports];
  const shown = inUrl(host);
  for (const [declared, port] of ports)
    log('info', `listening on http://${shown}:${port}${declared === port ? '' : ` for listeners of port ${declared}`}`);
  log('info', `ready; admin on http://${inUrl(adminHost)}:${tier.adminPort} (/readyz /metrics /config)`);
  const example = tryIt(current, new Map(ports), shown, new EndpointTable(prefixes));
  if (example !== undefined) process.stderr.write(`\nTry it:\n\n${example}\n\n`);
}

/** Resolves after a signal, when everything has ended. A second signal ends it at once. */
function stopped(tier: TierOne): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143);
      stopping = true;
      log('info', `${signal}: draining`);
      tier.stop().then(resolve, reject);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
    process.on('SIGHUP', () => void tier.reload('SIGHUP'));
  });
}

/** The operator's log: one line each on standard error, apart from the access log. */
function log(level: 'info' | 'warn' | 'error', message: string, detail?: object): void {
  const more = detail === undefined || Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`;
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}${more}\n`);
}
