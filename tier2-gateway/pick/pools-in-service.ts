import type { Serving } from '#core/attempt/backend';
import { Kept } from '#core/kept';
import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Reason } from '#core/resources/reason';
import type { Pools, Scope } from '#core/route/scope';
import type { Metrics } from '#core/telemetry/metrics';

import { poolGauges } from '../metrics/pool-gauges.ts';
import { PoolSeries } from '../metrics/pool-series.ts';
import { ScrapeRound } from '../pools/scrape.ts';
import { sourceOf } from '../pools/annotations.ts';
import type { PodEndpoints } from '../pools/pod-source.ts';
import { checkedAnnotations } from './check-annotations.ts';
import { externalPickerOf } from './external-reference.ts';
import { PoolService } from './pool-service.ts';
import { ServedPool } from './served-pool.ts';
import { rulesOf } from './rules.ts';

/** How the pools of a process are served. */
export interface PoolsSettings {
  /** There are no routes, and whoever serves the pools asks this process to pick, whatever picker they name. @default false */
  readonly alone?: boolean;
  /** The one pool that is served, `namespace/name`. @default all */
  readonly only?: string | undefined;
  /** Take what the pools measure. */
  readonly metrics?: Metrics | undefined;
  /** Endpoints by the selectors of the pools, for those that no annotation names. @default every pool needs an annotation */
  readonly pods?: PodEndpoints | undefined;
}

/** The InferencePools of a process, across reloads. */
export class PoolsInService implements Pools {
  readonly alone: boolean;
  readonly #only: string | undefined;
  readonly #warn: (message: string) => void;
  readonly #metrics: Metrics | undefined;
  readonly #pods: PodEndpoints | undefined;
  readonly #round = new ScrapeRound();
  readonly #closing = new Set<Promise<void>>();
  readonly #kept = new Kept<PoolService>((service) => {
    const stopped = service.stop().finally(() => this.#closing.delete(stopped));
    this.#closing.add(stopped);
  });
  #inService: ReadonlyMap<string, ServedPool> = new Map();
  #prepared: Map<string, ServedPool> | undefined;
  #names: string[] = [];

  constructor(warn: (message: string) => void, { alone = false, only, metrics, pods }: PoolsSettings = {}) {
    this.#warn = warn;
    this.#metrics = metrics;
    this.#pods = pods;
    metrics?.onCollect(() => poolGauges(this.services(), metrics.families));
    this.alone = alone;
    this.#only = only;
  }

  /** All that the last configuration has, whether or not it could be served. */
  names(): readonly string[] {
    return this.#names;
  }

  /** By `namespace/name`: those of the configuration that is being prepared, else of the one in service. */
  byName(): ReadonlyMap<string, ServedPool> {
    return this.#prepared ?? this.#inService;
  }

  /** Pools in service, for those who look for the reason of a choice. */
  services(): readonly PoolService[] {
    return this.#kept.values();
  }

  begin(): void {
    this.#prepared = new Map();
    this.#names = [];
    this.#kept.begin();
  }

  serve(pool: InferencePool, scope: Scope): Serving | undefined {
    const { namespace, name, annotations } = pool.metadata;
    const fullName = `${namespace}/${name}`;
    this.#names.push(fullName);
    if (this.#only !== undefined && fullName !== this.#only) return undefined;
    let valid = true;
    const report = (path: string, message: string, reason?: Reason): void => {
      valid = false;
      scope.report(pool, path, message, reason);
    };
    const settings = checkedAnnotations(pool, scope, report);
    const pods = this.#pods;
    if (settings === undefined && pods === undefined && valid) {
      report(
        'metadata.annotations',
        'the pods of a selector are read from a cluster (--kubernetes); in files, name the endpoints with tierkit.dev/endpoints, tierkit.dev/endpoints-file or tierkit.dev/endpoints-dns',
      );
    }
    const picker = this.alone ? undefined : externalPickerOf(pool, report, scope);
    if (!valid) return undefined;
    const key = JSON.stringify([namespace, name, pool.body.spec, annotations, settings, picker]);
    const service = this.#kept.get(key, () => {
      const onProblem = (message: string): void => this.#warn(`InferencePool ${fullName}: ${message}`);
      const source =
        settings === undefined
          ? pods!.source(pool)
          : sourceOf(settings, pool, onProblem, { allowLocalAddresses: scope.allowLocalAddresses });
      const series = this.#metrics === undefined ? undefined : new PoolSeries(this.#metrics, fullName);
      return new PoolService({ resource: pool, source, external: picker, round: this.#round, warn: onProblem, series });
    });
    const served = new ServedPool(service, rulesOf(pool, scope));
    this.#prepared?.set(fullName, served);
    return served;
  }

  commit(defer: (dispose: () => void) => void): void {
    this.#inService = this.#prepared ?? this.#inService;
    this.#prepared = undefined;
    this.#kept.commit(defer);
  }

  rollback(): void {
    this.#prepared = undefined;
    this.#kept.rollback();
  }

  async close(): Promise<void> {
    this.#kept.begin();
    this.#kept.commit();
    await Promise.all(this.#closing);
  }
}
