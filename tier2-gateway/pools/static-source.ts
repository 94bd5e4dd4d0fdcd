import type { EndpointSource, PoolEndpoint } from './endpoint.ts';

/** A list that the annotation `tierkit.dev/endpoints` gives once and for all. */
export class StaticSource implements EndpointSource {
  readonly #endpoints: readonly PoolEndpoint[];

  constructor(endpoints: readonly PoolEndpoint[]) {
    this.#endpoints = endpoints;
  }

  start(onChange: (endpoints: readonly PoolEndpoint[]) => void): void {
    onChange(this.#endpoints);
  }

  stop(): void {
    // Nothing runs.
  }
}
