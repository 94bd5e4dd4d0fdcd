import { InvalidResources, type Problem } from '#core/resources/problem';
import { didYouMean } from '#core/resources/nearest';
import { describe, type Front, Service, type ServiceOptions } from '#core/serve/service';
import { Metrics } from '#core/telemetry/metrics';

import { poolRoutes, poolStates } from '../admin.ts';
import type { Certificate } from '#core/http/self-signed';
import { type EppServer, startEppServer } from '../epp/server.ts';
import { tierTwoEndpoints } from '../main.ts';
import { PoolsInService } from '../pick/pools-in-service.ts';
import type { ServedPool } from '../pick/served-pool.ts';
import type { PodEndpoints } from '../pools/pod-source.ts';
import { ServicePicker } from './service-picker.ts';

/** What an endpoint picker process is started with. */
export interface EppServiceOptions extends ServiceOptions {
  /** `[namespace/]name` of the InferencePool that it picks for; undefined: the only one. */
  readonly pool: string | undefined;
  /** Address to listen on, for gateways and for health probes. */
  readonly host: string;
  /** 0: any free one. */
  readonly grpcPort: number;
  /** Of `grpc.health.v1`; 0: any free one. */
  readonly healthPort: number;
  readonly tls: Certificate | 'self-signed' | 'plaintext';
  /** Endpoints that a gateway is told for a request, the best first. Envoy takes one alone. */
  readonly maxEndpoints: number;
  /** Whether it is told how good they are. */
  readonly scores: boolean;
  /** In a cluster: the pods of the pools. @default pools need an annotation that names their endpoints */
  readonly pods?: PodEndpoints | undefined;
}

/** Our picker as a process of its own, for gateways that speak the Endpoint Picker Protocol. It reads pools and what belongs to them. */
export class EppService extends Service {
  protected readonly front: Front;
  readonly #options: EppServiceOptions;
  readonly #pools: PoolsInService;
  /** Of the pool that is picked for, where there is a choice. */
  readonly #name: string | undefined;
  readonly #picker: ServicePicker;
  #pool: ServedPool | undefined;
  #server: EppServer | undefined;

  constructor(options: EppServiceOptions) {
    const { log, maxEndpoints, scores } = options;
    const name = options.pool === undefined || options.pool.includes('/') ? options.pool : `default/${options.pool}`;
    const measured = new Metrics('epp');
    const pools = new PoolsInService((message) => log('warn', message), { alone: true, only: name, metrics: measured, pods: options.pods });
    super(options, measured, {
      pools,
      admin: (app) => poolRoutes(app, pools),
      status: { name: 'endpoint picker', pools: (most) => poolStates(pools, most), explains: true },
      notices: () => this.#ownNotices(),
    });
    this.#options = options;
    this.#pools = pools;
    this.#name = name;
    const { configuration, metrics } = this;
    this.#picker = new ServicePicker({
      pool: () => this.#pool!,
      configuration,
      endpoints: tierTwoEndpoints(),
      metrics,
      maxEndpoints,
      scores,
    });
    this.front = {
      prepare: () => this.#prepare(),
      unready: () => this.#server?.setReady(false),
      stop: async (drainMs) => this.#server?.close(drainMs),
      close: async () => this.#server?.close(0),
    };
  }

  get grpcPort(): number {
    return this.#server?.port ?? 0;
  }

  get healthPort(): number {
    return this.#server?.healthPort ?? 0;
  }

  /** PEM of a certificate that was made at the start, for a gateway that verifies it. */
  get certificate(): string | undefined {
    return this.#server?.cert;
  }

  /** `namespace/name` of the pool that is picked for. */
  get pool(): string {
    return this.#pool?.name ?? '';
  }

  /** @throws InvalidResources */
  async #prepare(): Promise<() => void> {
    const pool = chosen(this.#name, this.#pools);
    const server = (this.#server ??= await this.#listen());
    return () => {
      this.#pool = pool;
      server.setReady(true);
    };
  }

  #listen(): Promise<EppServer> {
    const { host, grpcPort, healthPort, tls, log } = this.#options;
    return startEppServer({
      host,
      port: grpcPort,
      healthPort,
      ready: false,
      ...(tls === 'plaintext' ? {} : { tls }),
      picker: (request) => this.#picker.pick(request),
      onError: (error) => log('error', 'exchange failed', describe(error)),
    });
  }

  #ownNotices(): string[] {
    const { tls } = this.#options;
    const notices: string[] = [];
    if (tls === 'self-signed')
      notices.push('TLS with a certificate made at this start, which no gateway can verify; --tls-cert and --tls-key give one that it can');
    if (tls === 'plaintext') notices.push('no TLS: whoever is on the network between can read prompts and choose pods');
    if (this.#pool?.rules.renames === true) {
      notices.push(
        `InferenceModelRewrites of pool ${this.pool}: answers get the client's name of the model back where the gateway shows them in mode FULL_DUPLEX_STREAMED; in any other mode they keep that of the model servers`,
      );
    }
    return notices;
  }
}

/** @throws InvalidResources with the nearest name */
function chosen(name: string | undefined, pools: PoolsInService): ServedPool {
  const served = pools.byName();
  const names = pools.names();
  if (names.length === 0) throw invalid('', 'there is no InferencePool among the resources; an endpoint picker picks for one');
  if (name === undefined && names.length > 1)
    throw invalid('', `there are ${names.length} InferencePools, and a picker is for one; choose it with --pool: ${names.join(', ')}`);
  const pool = served.get(name ?? names[0]!);
  if (pool !== undefined) return pool;
  throw invalid('--pool', `there is no InferencePool ${name}${didYouMean(name!, names)} (there are: ${names.join(', ')})`);
}

function invalid(file: string, message: string): InvalidResources {
  const problem: Problem = { source: { file, document: 0, line: 0 }, resource: '', path: '', message };
  return new InvalidResources([problem]);
}
