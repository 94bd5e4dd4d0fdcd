import { validateHeaderName, validateHeaderValue } from 'node:http';

import type { Outcome } from '#core/attempt/exchange';
import { GatewayError } from '#core/errors';
import { type Edit, editObject } from '#core/json/edit';
import { scanObject } from '#core/json/scan';
import type { Outbound } from '#core/attempt/exchange';

import { type AttemptChanges, type Extension, type ExtensionAttempt, type ExtensionRequest, Refusal } from './extension.ts';

/** A hook of an extension failed: the request gets no more than that, the log gets all. */
export class ExtensionFailed extends GatewayError {
  constructor(extension: string, hook: string, cause: unknown) {
    super('TK_INTERNAL', `the extension "${extension}" failed`, {
      cause: new Error(`extension "${extension}", hook "${hook}"`, { cause }),
    });
  }
}

/** The hooks of all extensions, in their order; those that no extension has are undefined. */
export class Hooks {
  readonly #authorize: readonly Extension[];
  readonly #attempt: readonly Extension[];
  readonly #settled: readonly Extension[];
  readonly #onError: (error: unknown) => void;

  /** @param onError takes what a `settled` hook throws. */
  constructor(extensions: readonly Extension[], onError: (error: unknown) => void) {
    this.#authorize = extensions.filter((extension) => extension.authorize !== undefined);
    this.#attempt = extensions.filter((extension) => extension.attempt !== undefined);
    this.#settled = extensions.filter((extension) => extension.settled !== undefined);
    this.#onError = onError;
  }

  get hasAuthorize(): boolean {
    return this.#authorize.length > 0;
  }

  get hasAttempt(): boolean {
    return this.#attempt.length > 0;
  }

  get hasSettled(): boolean {
    return this.#settled.length > 0;
  }

  /** @throws GatewayError TK_REFUSED, TK_INTERNAL */
  async authorize(request: ExtensionRequest): Promise<void> {
    for (const extension of this.#authorize) {
      try {
        await extension.authorize!(request);
      } catch (error) {
        if (error instanceof Refusal) throw new GatewayError('TK_REFUSED', error.message, { status: error.status });
        throw new ExtensionFailed(extension.name, 'authorize', error);
      }
    }
  }

  /** The attempt with what the extensions change. Header names are those of {@link Outbound}: the credential is not among them yet. */
  async attempt(request: ExtensionRequest, attempt: ExtensionAttempt, outbound: Outbound): Promise<Outbound> {
    let { headers, body } = outbound;
    for (const extension of this.#attempt) {
      try {
        const changes = await extension.attempt!(request, attempt);
        if (changes === undefined) continue;
        headers = changedHeaders(headers, changes);
        body = changedBody(body, changes);
      } catch (error) {
        throw new ExtensionFailed(extension.name, 'attempt', error);
      }
    }
    return { ...outbound, headers, body };
  }

  settled(request: ExtensionRequest, outcome: Outcome, durationMs: number): void {
    const { status, complete, clientGone, facts, attempts } = outcome;
    const backend = attempts.at(-1)?.target.backend.name;
    for (const extension of this.#settled) {
      try {
        extension.settled!(request, { status, complete, clientGone, usage: facts.usage, attempts: attempts.length, backend, durationMs });
      } catch (error) {
        this.#onError(new ExtensionFailed(extension.name, 'settled', error));
      }
    }
  }
}

const UNTOUCHABLE = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'accept-encoding']);

function changedHeaders(headers: string[], { setHeaders = {}, removeHeaders = [] }: AttemptChanges): string[] {
  const set = Object.entries(setHeaders).map(([name, value]) => [name.toLowerCase(), value] as const);
  const replaced = new Set([...removeHeaders.map((name) => name.toLowerCase()), ...set.map(([name]) => name)]);
  for (const [name, value] of set) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  for (const name of replaced) if (UNTOUCHABLE.has(name)) throw new Error(`the header ${name} cannot be changed`);
  const result: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (!replaced.has(headers[at]!)) result.push(headers[at]!, headers[at + 1]!);
  for (const [name, value] of set) result.push(name, value);
  return result;
}

function changedBody(body: Outbound['body'], { setBody = {}, removeBody = [] }: AttemptChanges): Outbound['body'] {
  const edits: Edit[] = [
    ...removeBody.map((name) => ({ remove: name })),
    ...Object.entries(setBody).map(([name, value]) => ({ set: name, value: JSON.stringify(value) })),
  ];
  if (edits.length === 0) return body;
  if (!Buffer.isBuffer(body)) throw new Error('the body is no JSON that could be changed');
  return editObject(scanObject(body), edits);
}
