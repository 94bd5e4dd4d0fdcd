import { hash } from 'node:crypto';

import { Kept } from '../../kept.ts';
import { ExchangedTokens } from './exchanged-tokens.ts';
import type { RefreshCounts } from './refreshed.ts';
import type { CredentialMeasure } from './shared-credentials.ts';
import { type ExchangeSource, exchangeToken } from './token-exchange.ts';

interface Entry {
  readonly policy: string;
  readonly tokens: ExchangedTokens;
}

/** Exchanged tokens. They outlive a reload of the configuration as long as nothing changes that they are asked for with. */
export class SharedExchanges {
  readonly kept = new Kept<Entry>(({ tokens }) => tokens.close());
  readonly #tell: ((message: string) => void) | undefined;
  /** By policy: they go on where a new secret has the tokens forgotten. */
  readonly #counts = new Map<string, RefreshCounts>();

  /** @param tell takes one line when tokens cannot be had, and when they can again */
  constructor(tell?: (message: string) => void) {
    this.#tell = tell;
  }

  /** @param policy `namespace/name` of the TokenExchange */
  of(policy: string, source: ExchangeSource): ExchangedTokens {
    const { clientSecret, ...others } = source;
    return this.kept.get(`${JSON.stringify([policy, others])} ${hash('sha256', clientSecret)}`, () => {
      const counts = this.#counts.get(policy) ?? { ok: 0, failed: 0 };
      this.#counts.set(policy, counts);
      const options = { counts, tell: this.#tell };
      const name = `TokenExchange ${policy}`;
      return { policy, tokens: new ExchangedTokens(name, (token, signal) => exchangeToken(source, token, signal), options) };
    }).tokens;
  }

  /** Of each TokenExchange that a route uses. */
  measures(): readonly CredentialMeasure[] {
    const policies = new Set(this.kept.values().map(({ policy }) => policy));
    return [...policies].map((policy) => ({ policy, type: 'TokenExchange', endsAt: undefined, counts: this.#counts.get(policy)! }));
  }

  close(): void {
    for (const { tokens } of this.kept.values()) tokens.close();
  }
}
