import type { Outbound, Outcome } from '#core/attempt/call';
import { GatewayError } from '#core/errors';
import { OF_FRAMING } from '#core/http/headers';
import { isHeaderValue, isToken } from '#core/http/sendable';
import { type Edit, editObject } from '#core/json/edit';
import { scanObject } from '#core/json/scan';

import { MAX_DEPTH } from '#core/read/json-request';
import { type AttemptChanges, type Extension, type ExtensionAttempt, type ExtensionRequest, Refusal } from './extension.ts';

/** A hook of an extension failed: the client gets no more than that, the log gets where it was. */
class ExtensionFailed extends GatewayError {
  constructor(extension: string, hook: string, thrown: unknown) {
    super('TK_INTERNAL', `the extension "${extension}" failed`, {
      cause: new Error(`extension "${extension}", hook "${hook}" threw ${describe(thrown)}`),
    });
  }
}

/** What was thrown, without its message: that may quote the prompt, as the messages of JSON.parse do. */
function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `a value of type ${typeof thrown}`;
  // Our own checks of what a hook returned: their texts hold names of headers and types, nothing of a request.
  if (thrown instanceof InvalidChange) return `out: ${thrown.message}`;
  const { stack = '', message } = thrown;
  const behind = stack.indexOf(message);
  const frames = behind === -1 ? [] : stack.slice(behind + message.length).split('\n');
  const where = frames.filter((line) => /^ {4}at /.test(line) && !line.includes('node:internal')).slice(0, 3);
  return [thrown.constructor.name, ...where.map((line) => line.trim())].join(' ');
}

/** A hook asks for a change that cannot be made. */
class InvalidChange extends Error {
  override readonly name = 'InvalidChange';
}

/** The hooks of all extensions, in their order; those that no extension has are undefined. */
export class Hooks {
  readonly #authorize: readonly Extension[];
  readonly #attempt: readonly Extension[];
  readonly #settled: readonly Extension[];
  readonly #onError: (error: unknown) => void;

  /** @param onError takes the failures of `attempt` and `settled`; that of `authorize` ends the request, and is told with it. */
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
        const failed = new ExtensionFailed(extension.name, 'attempt', error);
        this.#onError(failed.cause);
        throw failed;
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
        this.#onError(new ExtensionFailed(extension.name, 'settled', error).cause);
      }
    }
  }
}

/** What the gateway itself decides, besides the framing. */
const UNTOUCHABLE: ReadonlySet<string> = new Set([...OF_FRAMING, 'host', 'accept-encoding']);

function changedHeaders(headers: string[], { setHeaders = {}, removeHeaders = [] }: AttemptChanges): string[] {
  const set = Object.entries(setHeaders).map(([name, value]) => [name.toLowerCase(), value] as const);
  const replaced = new Set([...removeHeaders.map((name) => name.toLowerCase()), ...set.map(([name]) => name)]);
  for (const name of replaced) if (UNTOUCHABLE.has(name)) throw new InvalidChange(`the header ${name} cannot be changed`);
  // What cannot be sent is the extension's fault: at the connection it would look like the backend's.
  for (const [name, value] of set) {
    if (!isToken(name)) throw new InvalidChange('a header to set has a name that is none');
    if (typeof value !== 'string') throw new InvalidChange(`the value of the header ${name} is a ${typeof value}, not a string`);
    if (!isHeaderValue(value)) throw new InvalidChange(`the value of the header ${name} has characters that no header can carry`);
  }
  const result: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (!replaced.has(headers[at]!)) result.push(headers[at]!, headers[at + 1]!);
  for (const [name, value] of set) result.push(name, value);
  return result;
}

function changedBody(body: Outbound['body'], { setBody = {}, removeBody = [] }: AttemptChanges): Outbound['body'] {
  const edits: Edit[] = removeBody.map((name) => ({ remove: name }));
  for (const [name, value] of Object.entries(setBody)) {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new InvalidChange(`the value of "${name}" is no JSON`);
    edits.push({ set: name, value: text });
  }
  if (edits.length === 0) return body;
  if (!Buffer.isBuffer(body)) throw new InvalidChange('the body is no JSON that could be changed');
  return editObject(scanObject(body, { maxDepth: MAX_DEPTH }), edits);
}
