import type { IncomingHttpHeaders } from 'node:http';

import { isCredential, isInternal } from '#core/http/headers';
import type { AiTarget } from '#core/providers/target';
import type { ApiRequest } from '#core/serve/pipeline';

import type { ExtensionRequest } from './extension.ts';

/** What extensions see of a request, and no more: the gateway's own parts are out of their reach. */
export class ExtensionView implements ExtensionRequest {
  readonly #api: ApiRequest;
  readonly #targets: readonly AiTarget[];
  #parsed: { readonly value: unknown } | undefined;

  constructor(api: ApiRequest, targets: readonly AiTarget[]) {
    this.#api = api;
    this.#targets = targets;
  }

  get stream(): boolean {
    return this.#api.request.stream;
  }

  get id(): string {
    return this.#api.request.id;
  }

  get operation(): string {
    return this.#api.endpoint.operation;
  }

  get dialect() {
    return this.#api.endpoint.dialect;
  }

  get model(): string {
    return this.#api.request.model!;
  }

  get clientId(): string | undefined {
    return this.#api.request.identity.clientId;
  }

  get headers(): IncomingHttpHeaders {
    const { security } = this.#api.match.rule;
    return Object.fromEntries(
      Object.entries(this.#api.request.raw.headers).filter(
        ([name]) =>
          !isInternal(name) &&
          !isCredential(name) &&
          security?.owned.has(name) !== true &&
          !this.#targets.some((target) => target.overrides.includes(name)),
      ),
    );
  }

  json(): unknown {
    const { json } = this.#api;
    if (json === undefined) return undefined;
    // Member by member, through the scan's own reading of escaped names: an extension sees the names that the backend sees.
    const { scan } = json;
    this.#parsed ??= { value: Object.fromEntries(scan.members.map(({ name }) => [name, scan.parse(name)])) };
    return this.#parsed.value;
  }
}
