import { setTimeout as sleep } from 'node:timers/promises';

import type { Edit } from '#core/json/edit';
import { PARTIAL_META } from '../names/merge.ts';
import { listenEdits } from '../names/request.ts';
import { rewriteNotification } from '../names/rewrite.ts';
import { ask, factsOf } from '../upstream/ask.ts';
import { callServer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { endSession } from '../upstream/initialize.ts';
import { StandingStream } from '../upstream/standing.ts';
import { headersFor } from '../upstream/server.ts';
import { edit, notificationBytes, paramsOf, resultBytes, type RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { METHOD_NOT_FOUND, SERVER_UNREACHABLE } from '../wire/rpc-error.ts';
import { message as messageIn, modernCall } from './adapt.ts';
import type { BridgedSessions } from './bridged-sessions.ts';
import { type Asked, contextFor, type EngineLimits, type EngineOptions, notificationFor, viewOf } from './parts.ts';
import { readServer } from './server-messages.ts';
import { fanOut, serverOf } from './sessions.ts';

export const SUBSCRIPTION_META = 'io.modelcontextprotocol/subscriptionId';
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const UPDATED = 'notifications/resources/updated';

/** The member of the filter that asks for a notification. */
const KINDS: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
  [UPDATED]: 'resourceSubscriptions',
};
const LISTS: ReadonlySet<string> = new Set(['toolsListChanged', 'promptsListChanged', 'resourcesListChanged']);

type Filter = Readonly<Record<string, unknown>>;

export interface ListenParts {
  readonly options: EngineOptions;
  readonly sessions: BridgedSessions;
  readonly isModern: (server: string) => Promise<boolean>;
  /** The gateway is about to stop. */
  readonly leaving: AbortSignal;
}

/** Messages of one server: first the acknowledgement, then notifications. It ends where the server ends it in good order. */
type Heard = AsyncGenerator<RpcMessage, void, undefined>;

interface Listening {
  readonly name: string;
  readonly heard: Heard;
  readonly agreed: Filter;
}

/**
 * `subscriptions/listen` at all servers of which the client wants to hear something, as one stream. It ends as the first of them does: in good
 * order, or cut off; or as the gateway is about to stop; then the client listens anew, and knows that it may have missed something.
 * @throws RpcError, ServerFailed where no server can be listened to
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 */
export async function listenAll(asked: Asked, message: RpcMessage, parts: ListenParts): Promise<void> {
  const { reply } = asked;
  const ended = new AbortController();
  const signal = AbortSignal.any([asked.signal, ended.signal]);
  const over = AbortSignal.any([signal, parts.leaving]);
  const edits = listenEdits(message, [...asked.route.servers.keys()], asked.route.naming);
  const bodies = [...edits].map(([name, changes]) => {
    const body = edit(message, { params: changes, meta: contextFor(asked, name) });
    return [name, readable(asked, name, body)] as const;
  });
  const wanted = bodies.filter(([, body]) => wantsAny(filterOf(body)));
  try {
    const said = await Promise.all(
      wanted.map(([name, body]) => begin(asked, name, body, message, signal, parts).catch((error: unknown) => error as Error)),
    );
    const listening = said.filter((each): each is Listening => !(each instanceof Error));
    if (listening.length === 0 && said[0] instanceof Error) throw said[0];
    const missing = wanted.flatMap(([name], index) => (isAway(said[index]) ? [name] : []));
    reply.begin(parts.options.limits.heartbeatMs);
    await reply.event(acknowledgement(message, listening, missing));
    await Promise.race([untilAborted(over), ...listening.map((each) => relay(asked, message, each))]);
    if (asked.signal.aborted) return reply.cut();
    await reply.last(
      200,
      resultBytes(message.id!, { resultType: 'complete', _meta: { [SUBSCRIPTION_META]: JSON.parse(message.id!) as unknown } }),
    );
  } catch (error) {
    if (!reply.begun || !(error instanceof ServerFailed)) throw error;
    if (!asked.signal.aborted) asked.told.error = SERVER_UNREACHABLE;
    reply.cut();
  } finally {
    ended.abort();
  }
}

/** Without the resources that the caller may not read, which the acknowledgement tells him. @param body the request as the server gets it */
function readable(asked: Asked, name: string, body: Buffer): Buffer {
  const permits = asked.permits.ofList(name, UPDATED);
  if (permits === undefined) return body;
  const { resourceSubscriptions: uris, ...others } = filterOf(body);
  const left = Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string' && permits(uri)) : [];
  // Members of extensions: tasks.
  const isOpen = asked.permits.allows(name, 'subscriptions/listen');
  const known = Object.entries(others).filter(([member]) => isOpen || LISTS.has(member));
  const filter = { ...Object.fromEntries(known), ...(left.length > 0 && { resourceSubscriptions: left }) };
  return edit(messageIn(body), { params: [{ set: 'notifications', value: JSON.stringify(filter) }] });
}

async function begin(
  asked: Asked,
  name: string,
  body: Buffer,
  message: RpcMessage,
  signal: AbortSignal,
  { options, sessions, isModern }: ListenParts,
): Promise<Listening> {
  const { limits } = options;
  const modern = await isModern(name);
  const heard = modern
    ? listenAt(asked, name, body, signal, limits)
    : listenAtLegacy(asked, name, filterOf(body), message, signal, { limits, sessions });
  const late = sleep(limits.fanOutMs, undefined, { signal, ref: false }).then(() => undefined);
  const first = await Promise.race([heard.next(), late.catch(() => undefined)]);
  if (first === undefined) {
    // Ends what it may still come with, once it comes.
    void heard.return().catch(() => undefined);
    throw new ServerFailed('timeout', `the server did not acknowledge within ${limits.fanOutMs} ms`);
  }
  if (first.done === true || first.value.method !== ACKNOWLEDGED)
    throw new ServerFailed('malformed', 'the server did not begin with an acknowledgement');
  const rewritten = rewriteNotification(first.value, viewOf(asked, name, ACKNOWLEDGED)) ?? first.value.scan.bytes;
  return { name, heard, agreed: filterOf(rewritten) };
}

/** `subscriptions/listen` at a server of the modern era. @param body the request as the server gets it */
export async function* listenAt(asked: Asked, name: string, body: Buffer, signal: AbortSignal, limits: EngineLimits): Heard {
  const server = serverOf(asked, name);
  const { protocolVersion, headers } = modernCall(body);
  const call = {
    method: 'POST',
    body,
    protocolVersion,
    headMs: limits.fanOutMs,
    idleMs: 0,
    maxBytes: limits.maxAnswerBytes,
    signal,
    watch: asked.operations?.at(name),
  } as const;
  const answer = await callServer(server, { ...call, headers: [...headersFor(server, asked.request.headers), ...headers] });
  for await (const { data } of answer.messages) {
    const said = readServer(data);
    if (said.kind === 'notification') yield said;
    else if (said.scan.has('error'))
      throw new ServerFailed('refused', 'the server answered with an error', { status: answer.status, rpcError: data });
    else return;
  }
  throw new ServerFailed('reset', 'the stream of the server ended');
}

/** The same at a server of the legacy era, in a session of its own: what it subscribes to ends with it. */
async function* listenAtLegacy(
  asked: Asked,
  name: string,
  wanted: Filter,
  message: RpcMessage,
  signal: AbortSignal,
  { limits, sessions }: { readonly limits: EngineLimits; readonly sessions: BridgedSessions },
): Heard {
  const server = serverOf(asked, name);
  const session = await sessions.open(asked, name, message);
  const { sessionId, protocolVersion, capabilities } = session;
  const headers = headersFor(server, asked.request.headers);
  const ref = { sessionId, protocolVersion, headers };
  const agreed: Record<string, unknown> = {};
  try {
    if (wanted['toolsListChanged'] === true && capabilities.toolsListChanged) agreed['toolsListChanged'] = true;
    if (wanted['promptsListChanged'] === true && capabilities.promptsListChanged) agreed['promptsListChanged'] = true;
    if (wanted['resourcesListChanged'] === true && capabilities.resourcesListChanged) agreed['resourcesListChanged'] = true;
    const stream = new StandingStream(server, { ...ref, headMs: limits.callMs, idleMs: 0, maxBytes: limits.maxAnswerBytes, signal });
    await stream.opened();
    if (capabilities.resourcesSubscribe && Array.isArray(wanted['resourceSubscriptions'])) {
      const uris: string[] = [];
      for (const uri of wanted['resourceSubscriptions'] as readonly string[]) {
        const request = { method: 'resources/subscribe', params: `"uri":${JSON.stringify(uri)}` };
        const { signal: _signal, ...call } = fanOut(asked, server, limits);
        const taken = await ask(server, { ...ref, ...call, signal }, request).catch((error: unknown) => {
          if (error instanceof ServerFailed && error.kind === 'refused') return undefined;
          throw error;
        });
        if (taken !== undefined) uris.push(uri);
      }
      if (uris.length > 0) agreed['resourceSubscriptions'] = uris;
    }
    yield messageIn(notificationBytes(ACKNOWLEDGED, { notifications: agreed }));
    if (!(await stream.isThere())) return await untilAborted(signal);
    for await (const { data } of stream.messages()) yield* heardOf(data, agreed);
  } finally {
    void endSession(server, session, headers);
  }
}

function* heardOf(data: Buffer, agreed: Filter): Generator<RpcMessage, void, undefined> {
  const said = readServer(data);
  const kind = KINDS[said.method ?? ''];
  if (said.kind === 'notification' && kind !== undefined && agreed[kind] !== undefined) yield said;
}

/** Hands on what a server says until it ends. */
async function relay(asked: Asked, message: RpcMessage, { name, heard, agreed }: Listening): Promise<void> {
  for await (const said of heard) {
    const kind = KINDS[said.method!];
    // What the client did not ask for it must not get, whatever the server does.
    if (kind !== undefined && agreed[kind] === undefined) continue;
    if (kind === undefined && METHODS.get(said.method!)?.eras.includes('modern') === false) continue;
    const bytes = notificationFor(asked, name, said);
    if (bytes !== undefined) await asked.reply.event(edit(messageIn(bytes), { meta: tag(message) }));
  }
}

function acknowledgement(message: RpcMessage, listening: readonly Listening[], missing: readonly string[]): Buffer {
  const notifications: Record<string, unknown> = {};
  for (const { agreed } of listening) {
    for (const [kind, value] of Object.entries(agreed)) {
      const before = notifications[kind];
      notifications[kind] = Array.isArray(before) && Array.isArray(value) ? [...(before as unknown[]), ...(value as unknown[])] : value;
    }
  }
  const bytes = notificationBytes(ACKNOWLEDGED, { notifications });
  const partial: Edit[] = missing.length === 0 ? [] : [{ set: PARTIAL_META, value: JSON.stringify(missing) }];
  return edit(messageIn(bytes), { meta: [...tag(message), ...partial] });
}

function tag({ id }: RpcMessage): readonly Edit[] {
  return [{ set: SUBSCRIPTION_META, value: id! }];
}

/** `params.notifications` of a request or an acknowledgement. */
function filterOf(bytes: Buffer): Filter {
  const params = paramsOf(messageIn(bytes));
  return params?.type('notifications') === 'object' ? (params.parse('notifications') as Filter) : {};
}

function wantsAny(filter: Filter): boolean {
  return Object.values(filter).some((value) => value === true || (Array.isArray(value) && value.length > 0));
}

/** A server that has no subscriptions has nothing to say; one that fails has. */
function isAway(said: unknown): boolean {
  if (!(said instanceof Error)) return false;
  return !(said instanceof ServerFailed) || said.rpcError === undefined || factsOf(said.rpcError).code !== METHOD_NOT_FOUND;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
