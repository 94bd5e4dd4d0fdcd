import type { Span } from '#core/json/scan';
import type { RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { shown, unacceptableAnswer } from '../wire/rpc-error.ts';
import { nameProblem, type Naming } from './naming.ts';
import { JsonPatch, type Part } from './patch.ts';
import type { ToolSelector } from './selector.ts';

/** One server as a client sees it. */
export interface View {
  readonly server: string;
  readonly naming: Naming;
  /** Tools that the route shows. */
  readonly selector?: ToolSelector | undefined;
  /** Knows which tools have been accepted. */
  readonly book?: { shows(name: string, entry: Buffer): boolean } | undefined;
  /** Whether the caller may use a tool, prompt, resource or template; name or URI in the server's words. */
  readonly permits?: ((name: string) => boolean) | undefined;
}

export interface Rewritten {
  readonly bytes: Buffer;
  /** Entries that the selector, `permits` or the book refused. */
  readonly hidden: number;
  /** Entries left out because the client's name for them would reach another server; in the server's words. See `Naming.conflicts`. */
  readonly unreachable: readonly string[];
  /** Tools under names that some clients do not take, with the reason; they are in the list. */
  readonly awkward: readonly string[];
}

/** What the entries of each list are called by. */
const IDENTIFIERS = {
  tools: { member: 'name', isUri: false },
  prompts: { member: 'name', isUri: false },
  resources: { member: 'uri', isUri: true },
  resourceTemplates: { member: 'uriTemplate', isUri: true },
} as const;

/**
 * A server's result in the client's words: names, URIs, and lists without what the client may not see. Where nothing has to change
 * the bytes are the server's, which nobody looks into.
 *
 * URIs in text, in `structuredContent` and in `_meta` of others are the server's own affair and stay.
 *
 * @param method - of the request
 * @throws RpcError -32603 where the result is no JSON object, its list is no array, or a member that matters occurs twice
 */
export function rewriteResult(method: string, result: Buffer, view: View): Rewritten {
  const list = METHODS.get(method)?.list;
  if (list !== undefined && list !== 'tasks') return rewriteList(list, result, view);
  return { bytes: isUntouched(view) ? result : rewriteBody(method, result, view), hidden: 0, unreachable: [], awkward: [] };
}

function isUntouched({ naming }: View): boolean {
  return naming.kind === 'passthrough';
}

function rewriteList(list: keyof typeof IDENTIFIERS, result: Buffer, view: View): Rewritten {
  const { server, permits } = view;
  const [selector, book] = list === 'tools' ? [view.selector, view.book] : [];
  const untouched = { bytes: result, hidden: 0, unreachable: [], awkward: [] };
  if (isUntouched(view) && selector === undefined && permits === undefined && book === undefined) return untouched;

  const patch = new JsonPatch(result, server);
  const root = patch.root();
  const entries = patch.entries(root, list);
  if (entries === undefined && patch.has(root, list)) throw unacceptableAnswer(server, `"${list}" is no array`);
  if (entries === undefined) return untouched;

  const { member, isUri } = IDENTIFIERS[list];
  const removed = new Set<number>();
  const unreachable: string[] = [];
  const awkward: string[] = [];
  for (const [index, span] of entries.entries()) {
    const entry = patch.entry(span);
    const name = entry && patch.string(entry, member);
    // Without a name it cannot be judged, nor called.
    if (
      entry === undefined ||
      name === undefined ||
      selector?.(name) === false ||
      permits?.(name) === false ||
      book?.shows(name, result.subarray(span.start, span.end)) === false
    ) {
      removed.add(index);
      continue;
    }
    const clientName = clientNameOf(name, isUri, view);
    if (clientName === undefined) {
      removed.add(index);
      unreachable.push(shown(name));
      continue;
    }
    patch.replace(entry, member, () => clientName);
    if (list !== 'tools') continue;
    const problem = nameProblem(clientName);
    if (problem !== undefined) awkward.push(`${shown(clientName)} ${problem}`);
    rewriteUi(patch, entry, view);
  }
  patch.remove(entries, (index) => removed.has(index));
  return { bytes: patch.bytes(), hidden: removed.size - unreachable.length, unreachable, awkward };
}

/** Undefined where a client that uses the name would reach another server. */
function clientNameOf(name: string, isUri: boolean, { server, naming }: View): string | undefined {
  const clientName = isUri ? naming.uriToClient(server, name) : naming.toClient(server, name);
  if (naming.conflicts.length === 0) return clientName;
  const owned = isUri ? naming.uriToServer(clientName) : naming.toServer(clientName);
  return owned?.server === server && owned.name === name ? clientName : undefined;
}

function rewriteBody(method: string, result: Buffer, view: View): Buffer {
  const rewrite = BODIES.get(method);
  if (rewrite === undefined) return result;
  const patch = new JsonPatch(result, view.server);
  rewrite(patch, patch.root(), view);
  return patch.bytes();
}

type Rewrite = (patch: JsonPatch, part: Part, view: View) => void;

const BODIES: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  [
    'resources/read',
    (patch, result, view) => eachEntry(patch, patch.entries(result, 'contents'), (contents) => uri(patch, contents, view)),
  ],
  ['tools/call', rewriteContent],
  ['tasks/result', rewriteContent],
  ['tasks/get', rewriteTask],
  [
    'prompts/get',
    (patch, result, view) =>
      eachEntry(patch, patch.entries(result, 'messages'), (message) => {
        const content = patch.object(message, 'content');
        if (content !== undefined) rewriteBlock(patch, content, view);
      }),
  ],
]);

function rewriteContent(patch: JsonPatch, result: Part, view: View): void {
  rewriteUi(patch, result, view);
  eachEntry(patch, patch.entries(result, 'content'), (block) => rewriteBlock(patch, block, view));
}

/** A task of the extension that has ended has its result inside. */
function rewriteTask(patch: JsonPatch, task: Part, view: View): void {
  const result = patch.object(task, 'result');
  if (result !== undefined) rewriteContent(patch, result, view);
}

function rewriteBlock(patch: JsonPatch, block: Part, view: View): void {
  const type = patch.string(block, 'type');
  if (type === 'resource_link') return uri(patch, block, view);
  const resource = type === 'resource' ? patch.object(block, 'resource') : undefined;
  if (resource !== undefined) uri(patch, resource, view);
}

/**
 * The user interface of a tool, under its name of today and of before.
 *
 * @see https://apps.extensions.modelcontextprotocol.io/api/functions/app-bridge.getToolUiResourceUri.html
 */
function rewriteUi(patch: JsonPatch, part: Part, view: View): void {
  const meta = patch.object(part, '_meta');
  if (meta === undefined) return;
  uri(patch, meta, view, 'ui/resourceUri');
  const ui = patch.object(meta, 'ui');
  if (ui !== undefined) uri(patch, ui, view, 'resourceUri');
}

function uri(patch: JsonPatch, part: Part, { server, naming }: View, member = 'uri'): void {
  patch.replace(part, member, (text) => naming.uriToClient(server, text));
}

function eachEntry(patch: JsonPatch, entries: readonly Span[] | undefined, see: (entry: Part) => void): void {
  for (const span of entries ?? []) {
    const entry = patch.entry(span);
    if (entry !== undefined) see(entry);
  }
}

/**
 * A server's notification in the client's words; undefined where it is about a resource that the caller may not see. Tokens, task
 * ids and request ids are not names: whoever gave them out puts them right.
 *
 * @returns the message's own bytes when nothing changes
 * @throws RpcError -32603 as rewriteResult does
 */
export function rewriteNotification(message: RpcMessage, view: View): Buffer | undefined {
  const { bytes } = message.scan;
  const rewrite = NOTIFICATIONS.get(message.method ?? '');
  if (rewrite === undefined || (isUntouched(view) && view.permits === undefined)) return bytes;
  const patch = new JsonPatch(bytes, view.server);
  const params = patch.object(patch.root(), 'params');
  if (params === undefined) return bytes;
  return rewrite(patch, params, view) === false ? undefined : patch.bytes();
}

/** False: the client must not hear of it. */
const NOTIFICATIONS: ReadonlyMap<string, (patch: JsonPatch, params: Part, view: View) => boolean | void> = new Map([
  [
    'notifications/resources/updated',
    (patch: JsonPatch, params: Part, view: View) => {
      const name = patch.string(params, 'uri');
      if (view.permits !== undefined && (name === undefined || !view.permits(name))) return false;
      return uri(patch, params, view);
    },
  ],
  [
    'notifications/subscriptions/acknowledged',
    (patch: JsonPatch, params: Part, view: View) => {
      const filter = patch.object(params, 'notifications');
      for (const span of (filter && patch.entries(filter, 'resourceSubscriptions')) ?? [])
        patch.replaceEntry(span, (text) => view.naming.uriToClient(view.server, text));
    },
  ],
  ['notifications/tasks', rewriteTask],
]);
