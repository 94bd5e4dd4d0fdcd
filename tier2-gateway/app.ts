import type { IncomingMessage } from 'node:http';

import { GatewayError } from '#core/errors';
import type { OrdinaryCallOptions } from '#core/serve/ordinary';
import type { ApiRequest, Stages } from '#core/serve/pipeline';
import type { GatewayRequest } from '#core/serve/request';
import type { Metrics } from '#core/telemetry/metrics';
import { InvalidSignature, type VerificationKeys } from '#core/tiers/jws';
import type { TierKeys } from '#core/tiers/keys';
import { RequestVerifier, TOKEN_HEADER } from '#core/tiers/request-token';

import { checkModel, TierTwoCall } from './call.ts';
import { PoolRequestMetrics } from './metrics/request-series.ts';
import { PoolPassage } from './passage.ts';
import { ServedPool } from './pick/served-pool.ts';

/** Tier two's own stages: verify, and behind read → route: pool → pick → attempt* → settle. */
export class TierTwoStages implements Stages {
  readonly #keys: TierKeys;
  readonly #audience: string;
  readonly #requests: PoolRequestMetrics;
  #verifier: RequestVerifier | undefined;
  #verifierKeys: VerificationKeys | undefined;

  constructor(keys: TierKeys, audience: string, metrics: Metrics) {
    this.#requests = new PoolRequestMetrics(metrics);
    this.#keys = keys;
    this.#audience = audience;
  }

  /** With tier one's public keys there, every request has to carry its token. */
  verify(request: GatewayRequest): void {
    const { peers } = this.#keys;
    if (peers === undefined) return;
    const token = tokenOf(request.raw);
    try {
      request.claims = this.#verifierOf(peers).verify(token, Date.now());
    } catch (error) {
      if (!(error instanceof InvalidSignature)) throw error;
      throw new GatewayError('TK_UNAUTHENTICATED', `the token of tier one is not accepted: ${error.message}`);
    }
    // One id through both tiers; the number of the attempt stays in the token.
    const { id } = request.claims;
    const end = id.lastIndexOf('/');
    request.id = end === -1 ? id : id.slice(0, end);
  }

  #verifierOf(keys: VerificationKeys): RequestVerifier {
    if (this.#verifier === undefined) this.#verifier = new RequestVerifier(keys, this.#audience);
    else if (keys !== this.#verifierKeys) this.#verifier.use(keys);
    this.#verifierKeys = keys;
    return this.#verifier;
  }

  callApi(api: ApiRequest): void {
    checkModel(api);
    new TierTwoCall(api, this.#keys.signing, this.#requests).start();
  }

  /** Model APIs wait in the queue of a pool that has no endpoint; other traffic waits here, and only for a pool that is new. */
  async callOrdinary(ordinary: OrdinaryCallOptions): Promise<void> {
    for (const { backend } of ordinary.rule.plan.targets) if (backend instanceof ServedPool) await backend.service.pool.firstList;
    return PoolPassage.run(ordinary);
  }
}

function tokenOf({ headers }: IncomingMessage): string {
  const token = headers[TOKEN_HEADER];
  if (typeof token === 'string') return token;
  throw new GatewayError('TK_UNAUTHENTICATED', `tier two takes requests from tier one only, with its token in ${TOKEN_HEADER}`);
}
