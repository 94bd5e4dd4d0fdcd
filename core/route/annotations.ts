import { ENDPOINTS as OPERATIONS, type SchemaName } from '../read/endpoints.ts';
import type { Resource } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import { durationMs, isDuration } from '../resources/schema.ts';

import type { Scope } from './scope.ts';

const PREFIX = 'tierkit.dev/';

/** On an AIGatewayRoute: comments at this interval while a model has not said anything. */
export const STREAM_KEEP_ALIVE = `${PREFIX}stream-keepalive`;
/** On an AIGatewayRoute: so long an answer is read on when its client has left. */
export const STREAM_DRAIN = `${PREFIX}stream-drain`;
/** On an AIGatewayRoute: `strict` refuses a request of which a translation to the API of its backend would drop something. */
const TRANSLATION = `${PREFIX}translation`;
/** On an AIServiceBackend: `client` leaves `stream_options` as the client sent it; for servers that refuse the field. */
export const STREAM_USAGE = `${PREFIX}stream-usage`;

/** On an AIServiceBackend: `max_tokens` is how its chat completions name the bound of an answer; for servers that do not know the API's newer name. */
const OUTPUT_LIMIT = `${PREFIX}output-limit`;

/** On an AIServiceBackend: `reasoning_content` gives chat completions back what their model thought before; for servers that refuse calls without. */
const THOUGHTS = `${PREFIX}thoughts`;

/** On an AIServiceBackend: `https` has the gateway fetch what requests name by an address, where the API takes bytes alone. */
const FETCH_MEDIA = `${PREFIX}fetch-media`;

/** On an AIServiceBackend: operations that the server does not have of its API: `responses, embeddings`. */
const LACKS = `${PREFIX}lacks`;

/** On an AIServiceBackend: it is a tier two, and this is the name that its requests are signed for. */
const TIER_TWO = `${PREFIX}tier-two`;
/** On an MCPRoute: `validate` holds arguments of tools against the schemas that the servers give, before these hear of a call. */
const TOOL_ARGUMENTS = `${PREFIX}tool-arguments`;

/** On an InferencePool: `built-in` lets the gateway pick, also where the pool names an endpoint picker. */
export const PICKER = `${PREFIX}picker`;
/** On an InferencePool: how its endpoint picker is called: `plaintext`, or `insecure` for TLS without verification. */
export const PICKER_TLS = `${PREFIX}picker-tls`;
/** On an InferencePool: where its endpoints are; what may stand there is the pool's own to check. */
const ENDPOINTS = `${PREFIX}endpoints`;

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  AIGatewayRoute: [STREAM_KEEP_ALIVE, STREAM_DRAIN, TRANSLATION],
  AIServiceBackend: [STREAM_USAGE, OUTPUT_LIMIT, THOUGHTS, FETCH_MEDIA, LACKS, TIER_TWO],
  InferencePool: [PICKER, PICKER_TLS],
  MCPRoute: [TOOL_ARGUMENTS],
};

/** Annotations of ours that a kind does not have are mistakes, not decoration. */
export function checkAnnotations(resource: Resource, scope: Scope): void {
  for (const name of Object.keys(resource.metadata.annotations)) {
    if (!name.startsWith(PREFIX) || (resource.kind === 'InferencePool' && name.startsWith(ENDPOINTS))) continue;
    const known = KNOWN[resource.kind] ?? [];
    if (!known.includes(name))
      scope.report(
        resource,
        `metadata.annotations["${name}"]`,
        `is no setting of this kind (${resource.kind})${elsewhere(name) ?? nearestSetting(name, known)}`,
      );
  }
}

function elsewhere(name: string): string | undefined {
  const kind = Object.keys(KNOWN).find((each) => KNOWN[each]!.includes(name));
  return kind === undefined ? undefined : `; it is one of ${kind}`;
}

/** What all of them begin with tells nothing of how near two are. */
function nearestSetting(name: string, known: readonly string[]): string {
  return didYouMean(bare(name), known.map(bare));
}

function bare(name: string): string {
  return name.slice(PREFIX.length);
}

/** Milliseconds; 0 where no comments are wanted. */
export function keepAliveOf(resource: Resource, scope: Scope): number {
  return secondsOf(resource, STREAM_KEEP_ALIVE, '15s', scope);
}

/** Milliseconds; 0 where the backend is to be cancelled at once. */
export function drainOf(resource: Resource, scope: Scope): number {
  return secondsOf(resource, STREAM_DRAIN, '10s', scope);
}

function secondsOf(resource: Resource, name: string, example: string, scope: Scope): number {
  const value = resource.metadata.annotations[name];
  if (value === undefined) return 0;
  if (isDuration(value) && durationMs(value) >= 1000) return durationMs(value);
  scope.report(resource, `metadata.annotations["${name}"]`, `must be a duration of at least 1s, such as ${example}, not "${value}"`);
  return 0;
}

export function optOut(resource: Resource, name: string, scope: Scope): boolean {
  return isSet(resource, name, 'client', scope);
}

/** How chat completions of a backend name the bound of an answer; undefined: `max_completion_tokens`. */
export function outputLimitAt(resource: Resource, scope: Scope): 'max_tokens' | undefined {
  return isSet(resource, OUTPUT_LIMIT, 'max_tokens', scope) ? 'max_tokens' : undefined;
}

/** Whether chat completions of a backend take `reasoning_content` in messages of the assistant. */
export function takesThoughts(resource: Resource, scope: Scope): boolean {
  return isSet(resource, THOUGHTS, 'reasoning_content', scope);
}

export function fetchesMedia(resource: Resource, scope: Scope): boolean {
  return isSet(resource, FETCH_MEDIA, 'https', scope);
}

/** Operations that a server does not have of its API; undefined where nothing is said. */
export function lacksOf(resource: Resource, schema: SchemaName, scope: Scope): ReadonlySet<string> | undefined {
  const value = resource.metadata.annotations[LACKS];
  if (value === undefined) return undefined;
  const names = value.split(',').map((name) => name.trim());
  const known = OPERATIONS.filter(({ upstream }) => upstream[schema] !== undefined).map(({ operation }) => operation);
  for (const name of names) {
    if (known.includes(name)) continue;
    const message = `must be operations of ${schema}, with commas between them; ${JSON.stringify(name)} is none of ${known.join(', ')}`;
    scope.report(resource, `metadata.annotations["${LACKS}"]`, message + didYouMean(name, known));
  }
  return new Set(names);
}

export function isStrict(resource: Resource, scope: Scope): boolean {
  return isSet(resource, TRANSLATION, 'strict', scope);
}

export function checksArguments(resource: Resource, scope: Scope): boolean {
  return isSet(resource, TOOL_ARGUMENTS, 'validate', scope);
}

/** Whether an annotation is there, which can have one value only. */
function isSet(resource: Resource, name: string, only: string, scope: Scope): boolean {
  const value = resource.metadata.annotations[name];
  if (value === undefined || value === only) return value === only;
  scope.report(resource, `metadata.annotations["${name}"]`, `must be "${only}", not "${value}"`);
  return false;
}

/** The audience of a tier two that a backend is, or undefined. */
export function tierTwoOf(resource: Resource, scope: Scope): string | undefined {
  const value = resource.metadata.annotations[TIER_TWO];
  if (value === undefined || /^[\w.-]{1,63}$/.test(value)) return value;
  scope.report(
    resource,
    `metadata.annotations["${TIER_TWO}"]`,
    `must be a name of letters, digits, ".", "_" and "-", not ${JSON.stringify(value)}`,
  );
  return undefined;
}
