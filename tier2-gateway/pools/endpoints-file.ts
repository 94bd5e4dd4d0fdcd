import { isIP } from 'node:net';

import { load, YAMLException } from 'js-yaml';

import { defineKind } from '#core/resources/kind';
import { object, PortNumber, text, Type, type Static } from '#core/resources/schema';
import { validate } from '#core/resources/validate';

import { endpointsOf, type PoolEndpoint } from './endpoint.ts';

const FilePod = object({
  /** Name of the pod; without it, `ip:port` stands for it. */
  name: Type.Optional(text(253)),
  namespace: Type.Optional(text(63)),
  /** IPv4 or IPv6. */
  address: text(45),
  /** A number, or one in quotes as llm-d-router writes it; without it, each target port of the pool. */
  port: Type.Optional(Type.Union([PortNumber, Type.String({ pattern: '^[1-9][0-9]{0,4}$', description: 'port' })])),
  labels: Type.Optional(Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } })),
  ready: Type.Boolean({ default: true }),
  terminating: Type.Boolean({ default: false }),
  /** RFC 3339. */
  startedAt: Type.Optional(Type.String()),
});

/** Not a resource: the one document of an endpoints file. It has a definition for the sake of its messages. */
const EndpointsFile = defineKind({
  kind: 'EndpointsFile',
  group: 'tierkit.dev',
  versions: [],
  namespaced: false,
  schema: object({ endpoints: Type.Array(FilePod, { maxItems: 10_000 }) }),
  refused: {},
});

/**
 * Reads a file of endpoints. The shape is the one of llm-d-router's file discovery, with fields more:
 *
 * @example
 * endpoints:
 * - name: vllm-0
 *   address: 127.0.0.1
 *   port: 8000                      # without it: each targetPort of the pool
 *   labels: {llm-d.ai/engine-type: vllm}
 *   ready: true                     # the default
 *   terminating: false              # the default
 *   startedAt: 2026-11-25T08:00:00Z
 *
 * The pool's selector is not asked: the file names what is in this pool.
 * @throws Error with every problem
 */
export function parseEndpointsFile(file: string, content: string, targetPorts: readonly number[]): PoolEndpoint[] {
  const value = readYaml(file, content);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${file}: is no object with a list of endpoints`);
  const faults: string[] = [];
  const report = (path: string, message: string) => void faults.push(`${file}: ${path}: ${message}`);
  const endpoints: PoolEndpoint[] = [];
  if (validate(EndpointsFile, value, report)) {
    const seen = new Set<string>();
    for (const [index, pod] of (value as Static<typeof EndpointsFile.schema>).endpoints.entries()) {
      for (const endpoint of read(pod, targetPorts, `endpoints[${index}]`, report)) {
        if (seen.has(endpoint.id)) report(`endpoints[${index}]`, `${endpoint.id} stands here twice`);
        seen.add(endpoint.id);
        endpoints.push(endpoint);
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return endpoints;
}

function readYaml(file: string, content: string): unknown {
  try {
    return load(content);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined || error.mark === null ? '' : `:${error.mark.line + 1}`;
    throw new Error(`${file}${line}: ${error.reason}`, { cause: error });
  }
}

function read(
  { name, address, port, labels = {}, ready, terminating, startedAt }: Static<typeof FilePod>,
  targetPorts: readonly number[],
  at: string,
  report: (path: string, message: string) => void,
): PoolEndpoint[] {
  const started = startedAt === undefined ? undefined : Date.parse(startedAt);
  if (isIP(address) === 0) report(`${at}.address`, `${JSON.stringify(address)} is no IP address`);
  if (Number(port ?? 1) > 65_535) report(`${at}.port`, `${port} is no port (1–65535)`);
  if (Number.isNaN(started)) report(`${at}.startedAt`, `${JSON.stringify(startedAt)} is no time such as 2026-11-25T08:00:00Z`);
  return endpointsOf(
    {
      ...(name === undefined ? {} : { pod: name }),
      address,
      labels,
      ready,
      terminating,
      ...(started === undefined ? {} : { startedAt: started }),
    },
    port === undefined ? targetPorts : [Number(port)],
  );
}
