import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { inUrl } from '#core/http/origin';
import { InvalidResources } from '#core/resources/problem';

import { EppService, type EppServiceOptions } from '../tier2-gateway/epp-service/main.ts';
import { type Command, CommandError, durationOf, parse, portOf, UsageError } from './command.ts';
import { announceNotices, ended, log, reachable, resourcesFailure, stopped } from './serve.ts';
import { telemetryOf } from './tracing.ts';

const HELP = `Usage: tierkit epp PATH… [--pool NAMESPACE/NAME] [OPTION…]

Serves the endpoint picker of tier two to other gateways: Envoy, Istio, KServe, and all that speak the Endpoint Picker Protocol (ext_proc).
PATH is a file or a folder of Kubernetes YAML with an InferencePool, its InferenceObjectives and InferenceModelRewrites; Gateways and routes
in it change nothing. It is watched: a change is live at once, a bad one is refused with the reasons. SIGHUP loads again, SIGTERM drains and
stops: health says "not serving" first, and open exchanges go on to their end.

  --pool [NAMESPACE/]NAME    the InferencePool to pick for; may be left out where there is one
  --grpc-port PORT           ext_proc (default 9002); 0 takes a free one
  --health-port PORT         grpc.health.v1, in plain text (default 9003)
  --admin-port PORT          /healthz /readyz /metrics /config /pools /explain/REQUEST-ID (default 1066)
  --host ADDRESS             address of ext_proc and health (default 127.0.0.1; 0.0.0.0 for all)
  --admin-host ADDRESS       address of the admin port (default 127.0.0.1; 0.0.0.0 for the probes of a cluster)
  --tls-cert FILE            certificate of ext_proc (PEM), with --tls-key; by default one that is made at the start, as the reference picker
  --tls-key FILE             has it: gateways then have to skip verification
  --insecure-plaintext       ext_proc without TLS
  --max-endpoints N          endpoints that a gateway is told, best first (default 1: Envoy takes one alone; more for gateways that walk a list)
  --emit-endpoint-scores     tell how good they are, 0 to 1, as the reference picker can
  --drain DURATION           time for open exchanges after SIGTERM (default 30s)

What requests say in x-llm-d-inference-objective, x-llm-d-inference-fairness-id, x-llm-d-slo-ttft-ms, x-llm-d-slo-tpot-ms, x-session-id is
believed, as the reference picker does: the gateway in front has to take these headers off the requests of strangers.
`;

const OPTIONS = {
  pool: { type: 'string' },
  'grpc-port': { type: 'string', default: '9002' },
  'health-port': { type: 'string', default: '9003' },
  'admin-port': { type: 'string', default: '1066' },
  host: { type: 'string', default: '127.0.0.1' },
  'admin-host': { type: 'string', default: '127.0.0.1' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'insecure-plaintext': { type: 'boolean' },
  'max-endpoints': { type: 'string', default: '1' },
  'emit-endpoint-scores': { type: 'boolean' },
  drain: { type: 'string', default: '30s' },
} as const;

export const epp: Command = {
  name: 'epp',
  summary: 'serve the endpoint picker to Envoy and other gateways (ext_proc)',
  help: HELP,
  run: serve,
};

async function serve(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  if (positionals.length === 0) throw new CommandError('no PATH is given: a picker needs a file or folder with its InferencePool');
  if (!/^[1-9]\d{0,3}$/.test(values['max-endpoints']))
    throw new UsageError(`--max-endpoints must be a number from 1 to 9999, not "${values['max-endpoints']}"`);
  const options: EppServiceOptions = {
    sources: { paths: positionals, env: process.env },
    pool: values.pool,
    host: values.host,
    grpcPort: portOf(values['grpc-port'], 'grpc-port'),
    healthPort: portOf(values['health-port'], 'health-port'),
    adminPort: portOf(values['admin-port'], 'admin-port'),
    adminHost: values['admin-host'],
    tls: tlsOf(values['tls-cert'], values['tls-key'], values['insecure-plaintext'] === true),
    maxEndpoints: Number(values['max-endpoints']),
    scores: values['emit-endpoint-scores'] === true,
    drainMs: durationOf(values.drain, 'drain', '30s'),
    log,
  };
  const { push } = await telemetryOf('ai-gateway-epp');
  const service = new EppService(options);
  try {
    await service.start();
  } catch (error) {
    throw startFailure(error, options);
  }
  announceNotices(service);
  const host = inUrl(options.host);
  const scheme = options.tls === 'plaintext' ? 'plain text' : 'TLS';
  log(
    'info',
    `picking for InferencePool ${service.pool}: ext_proc on ${host}:${service.grpcPort} (${scheme}), health on ${host}:${service.healthPort}`,
  );
  log(
    'info',
    `ready; admin on http://${reachable(values['admin-host'])}:${service.adminPort} (/readyz /metrics /config /pools /explain/REQUEST-ID)`,
  );
  push?.begin(service.metrics);
  await stopped(service);
  await ended({ push });
  return 0;
}

function tlsOf(certFile: string | undefined, keyFile: string | undefined, plaintext: boolean): EppServiceOptions['tls'] {
  if (plaintext) {
    if (certFile !== undefined || keyFile !== undefined)
      throw new UsageError('--insecure-plaintext and --tls-cert, --tls-key exclude each other');
    return 'plaintext';
  }
  if (certFile === undefined && keyFile === undefined) return 'self-signed';
  if (certFile === undefined || keyFile === undefined) throw new UsageError('--tls-cert and --tls-key are given together');
  const certificate = { cert: read(certFile, 'tls-cert'), key: read(keyFile, 'tls-key') };
  try {
    createSecureContext(certificate);
  } catch (error) {
    throw new CommandError(`--tls-cert ${certFile} and --tls-key ${keyFile} are no pair in PEM: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return certificate;
}

function read(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`--${option}: ${(error as Error).message}`, { cause: error });
  }
}

/** What went wrong at the start, in the words of the person who has to mend it. */
function startFailure(error: unknown, { adminPort, adminHost }: EppServiceOptions): unknown {
  if (error instanceof InvalidResources) return resourcesFailure(error);
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'EADDRINUSE') return new CommandError(`port ${adminPort} is taken; choose another one with --admin-port`);
  if (code === 'EACCES') return new CommandError(`port ${adminPort} needs more rights than this user has; choose one with --admin-port`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new CommandError(`--admin-host ${adminHost} is no address of this machine`);
  // Of the gRPC servers, which say it with their address.
  if (message?.startsWith('endpoint picker server: ') === true) return new CommandError(`${message} (--host, --grpc-port, --health-port)`);
  return error;
}
