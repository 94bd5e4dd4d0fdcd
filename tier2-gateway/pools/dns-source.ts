import { lookup as systemLookup } from 'node:dns/promises';

import { localKind } from '#core/http/local-address';

import { endpointsOf, type EndpointSource, type PoolEndpoint } from './endpoint.ts';

export interface LookupAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name; rejects as `dns.promises.lookup` does. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>;

export interface DnsSettings {
  readonly intervalMs: number;
  readonly lookup: Lookup;
  /** Whether addresses of this machine are endpoints: loopback, link-local, unspecified. @default true */
  readonly allowLocalAddresses: boolean;
  /** Calls back once; returns what takes the call back. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
}

/** The system's resolver: it knows the search domains of a pod and the hosts file, which queries to a server do not. */
const DEFAULTS: DnsSettings = {
  intervalMs: 5000,
  lookup: (name) => systemLookup(name, { all: true, order: 'verbatim' }),
  allowLocalAddresses: true,
  setTimer: (callback, ms) => {
    const timer = setTimeout(callback, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** No such name, or a name without addresses. Other failures say nothing about the endpoints. */
const EMPTY = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * The addresses behind a name, such as a headless Service's, each with every target port. Of a name that has both families IPv4 is
 * taken: a pod of a dual-stack cluster has one address of each, and must not count twice. DNS knows no readiness, so an address is ready as
 * long as it is there; an answer without addresses counts when it comes twice running.
 */
export class DnsSource implements EndpointSource {
  readonly #name: string;
  readonly #targetPorts: readonly number[];
  readonly #onProblem: (message: string) => void;
  readonly #settings: DnsSettings;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #last: string | undefined;
  #empty = 0;
  #failing = false;
  /** Addresses that were told last. */
  #refused = '';

  /** @param onProblem called once for each time that the name stops resolving. */
  constructor(name: string, targetPorts: readonly number[], onProblem: (message: string) => void, settings: Partial<DnsSettings> = {}) {
    this.#name = name;
    this.#targetPorts = targetPorts;
    this.#onProblem = onProblem;
    this.#settings = { ...DEFAULTS, ...settings };
  }

  start(onChange: (endpoints: readonly PoolEndpoint[]) => void): void {
    const round = async (): Promise<void> => {
      await this.#resolve(onChange);
      // The next round waits for this one: a slow server is not asked twice at a time.
      if (!this.#stopped) this.#cancel = this.#settings.setTimer(() => void round(), this.#settings.intervalMs);
    };
    void round();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #resolve(onChange: (endpoints: readonly PoolEndpoint[]) => void): Promise<void> {
    let found: readonly LookupAddress[];
    try {
      found = await this.#settings.lookup(this.#name);
    } catch (error) {
      if (this.#stopped) return;
      const { code, message } = error as NodeJS.ErrnoException;
      if (!EMPTY.has(code ?? '')) {
        if (!this.#failing) this.#onProblem(`${this.#name} does not resolve: ${message}`);
        this.#failing = true;
        return;
      }
      found = [];
    }
    if (this.#stopped) return;
    if (!this.#settings.allowLocalAddresses) found = this.#elsewhere(found);
    this.#failing = false;
    this.#empty = found.length === 0 ? this.#empty + 1 : 0;
    if (this.#empty === 1 && this.#last !== undefined) return;
    const four = found.filter(({ family }) => family === 4);
    const addresses = [...new Set((four.length > 0 ? four : found).map(({ address }) => address))].sort();
    const key = addresses.join(' ');
    if (key === this.#last) return;
    this.#last = key;
    onChange(addresses.flatMap((address) => endpointsOf({ address, labels: {}, ready: true, terminating: false }, this.#targetPorts)));
  }

  #elsewhere(found: readonly LookupAddress[]): readonly LookupAddress[] {
    const permitted = found.filter(({ address }) => localKind(address) === undefined);
    const refused = found.filter((each) => !permitted.includes(each)).map(({ address }) => `${address}, ${localKind(address)}`);
    const told = refused.join('; ');
    if (told !== '' && told !== this.#refused) this.#onProblem(`${this.#name} leads to ${told}: not called`);
    this.#refused = told;
    return permitted;
  }
}
