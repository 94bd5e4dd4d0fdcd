import { inUrl } from '#core/http/origin';
import { formatProblem, InvalidResources } from '#core/resources/problem';
import type { Service } from '#core/serve/service';
import type { Tier, TierOptions } from '#core/serve/tier';
import { accessLogger, accessLogStream } from '#core/telemetry/accesslog';
import type { MetricsPush } from '#core/telemetry/metrics/push/push';
import type { Telemetry } from '#core/telemetry/sdk';
import { InvalidKeyFile, TierKeys } from '#core/tiers/keys';

import { CommandError, durationOf, portOf } from './command.ts';

/** Options that both tiers have. */
export const TIER_OPTIONS = {
  port: { type: 'string' },
  'admin-port': { type: 'string' },
  'admin-host': { type: 'string', default: '127.0.0.1' },
  host: { type: 'string', default: '127.0.0.1' },
  'secret-dir': { type: 'string' },
  unready: { type: 'string' },
  drain: { type: 'string', default: '30s' },
  'no-access-log': { type: 'boolean' },
  'debug-headers': { type: 'boolean' },
  'signing-key': { type: 'string' },
  'peer-keys': { type: 'string' },
} as const;

type TierValues = { readonly [Name in keyof typeof TIER_OPTIONS]?: string | boolean };

/** Options as the tiers take them, but for the sources. */
export type CommonOptions = Omit<TierOptions, 'sources'> & {
  /** Sends the metrics of the tier. @default they wait to be scraped */
  readonly push?: MetricsPush | undefined;
  readonly keys: TierKeys;
  /** What else is read again at SIGHUP, and ends with the tier. @default nothing */
  readonly beside?: readonly Beside[];
  readonly accessLogStream: ReturnType<typeof accessLogStream> | undefined;
};

/** A part of the process that is no part of the tier. */
export interface Beside {
  reload?(): void;
  close(): void | Promise<void>;
}

/** @throws UsageError, CommandError */
export function commonOptions(values: TierValues, ports: { readonly port: number; readonly adminPort: number }): CommonOptions {
  const text = (name: keyof typeof TIER_OPTIONS): string | undefined => values[name] as string | undefined;
  const port = portOf(text('port') ?? String(ports.port), 'port');
  const adminPort = portOf(text('admin-port') ?? String(ports.adminPort), 'admin-port');
  const drainMs = durationOf(text('drain')!, 'drain', '30s');
  const unready = text('unready');
  const keys = keysOf(text('signing-key'), text('peer-keys'));
  const stream = values['no-access-log'] === true ? undefined : accessLogStream();
  return {
    host: text('host')!,
    port,
    adminPort,
    adminHost: text('admin-host')!,
    ...(unready === undefined ? {} : { unreadyMs: durationOf(unready, 'unready', '5s') }),
    drainMs,
    debugHeaders: values['debug-headers'] === true,
    accessLog: stream === undefined ? undefined : accessLogger(stream),
    log,
    keys,
    accessLogStream: stream,
  };
}

function keysOf(signingKey: string | undefined, peerKeys: string | undefined): TierKeys {
  try {
    return new TierKeys({ signingKey, peerKeys }, (message) => log('warn', message));
  } catch (error) {
    if (error instanceof InvalidKeyFile) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** Starts a tier, says what it serves, and waits for its end. @param example a command to paste */
export async function serveTier(tier: Tier, options: CommonOptions, example: (host: string) => string | undefined): Promise<number> {
  try {
    await tier.start();
  } catch (error) {
    await closed(options);
    throw startFailure(error, options);
  }
  announce(tier, options, example);
  options.push?.begin(tier.metrics);
  // A chunk of the access log waits for more lines; whoever looks at it should not.
  const stream = options.accessLogStream;
  const flush = setInterval(() => stream?.flush(), 1000).unref();
  await stopped(tier, () => {
    options.keys.reload();
    for (const each of options.beside ?? []) each.reload?.();
  });
  clearInterval(flush);
  await closed(options);
  stream?.flushSync();
  await ended(options);
  return 0;
}

async function closed({ keys, beside = [] }: CommonOptions): Promise<void> {
  keys.close();
  await Promise.all(beside.map(async (each) => each.close()));
}

/** Time for the last metrics, once the last spans are sent. */
const LAST_METRICS_MS = 3000;

/** Sends what is left. Then all is done: an export to a collector that does not answer would keep the process for its own time limit. */
export async function ended({ tracing, push }: Partial<Pick<Telemetry, 'tracing' | 'push'>>): Promise<void> {
  await push?.close(LAST_METRICS_MS);
  if (tracing !== undefined || push !== undefined) setTimeout(() => process.exit(0), 100).unref();
}

/** Every problem of the resources, one a line. */
export function resourcesFailure({ problems }: InvalidResources): CommandError {
  const count = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`;
  return new CommandError(`${count} in the resources\n${problems.map(formatProblem).join('\n')}`);
}

/** What went wrong at the start, in the words of the person who has to mend it. */
function startFailure(error: unknown, { host, port, adminPort, adminHost = '127.0.0.1' }: CommonOptions): unknown {
  if (error instanceof InvalidResources) return resourcesFailure(error);
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
export function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : inUrl(host);
}

/** What the author of the resources may not expect. */
export function announceNotices(service: Service): void {
  for (const name of service.configuration.ignored) log('info', `ignored, without effect here: ${name}`);
  for (const notice of service.notices()) log('warn', notice);
}

function announce(tier: Tier, { host, adminHost = '127.0.0.1' }: CommonOptions, example: (host: string) => string | undefined): void {
  announceNotices(tier);
  const ports = [...tier.ports];
  const shown = reachable(host);
  for (const [declared, port] of ports)
    log('info', `listening on http://${shown}:${port}${declared === port ? '' : ` for listeners of port ${declared}`}`);
  log('info', `ready; admin on http://${reachable(adminHost)}:${tier.adminPort} (/readyz /metrics /config)`);
  const command = example(shown);
  if (command !== undefined) process.stderr.write(`\nTry it:\n\n${command}\n\n`);
}

/** What ends at a signal. */
export interface Stoppable {
  stop(): Promise<void>;
  /** Absent: it reads no files. */
  reload?(reason: string): Promise<unknown>;
}

/** Resolves after a signal, when everything has ended. A second signal ends it at once. SIGHUP loads the resources again. */
export function stopped(service: Stoppable, onHangup?: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143);
      stopping = true;
      log('info', `${signal}: ${service.reload === undefined ? 'stopping' : 'draining'}`);
      service.stop().then(resolve, reject);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
    process.on('SIGHUP', () => {
      onHangup?.();
      void service.reload?.('SIGHUP');
    });
  });
}

/** The operator's log: one line each on standard error, apart from the access log. */
export function log(level: 'info' | 'warn' | 'error', message: string, detail?: object): void {
  const more = detail === undefined || Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`;
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}${more}\n`);
}
