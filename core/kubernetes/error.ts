import { apiVersionOf, type RequestTarget, resourceName } from './resource.ts';

/** What the API server answers with when it refuses: `kind: Status`. */
export interface ServerStatus {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly name?: string; readonly kind?: string; readonly retryAfterSeconds?: number };
}

export interface KubernetesErrorInit extends RequestTarget {
  readonly message: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The server's reason (`Forbidden`, `Conflict`, `Expired`), or one of {@link OwnReason}. */
  readonly reason: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Reasons that no server gives. */
export type OwnReason =
  | 'Unreachable'
  | 'Certificate'
  | 'Timeout'
  | 'TooLarge'
  | 'TooManyWatches'
  | 'NotServed'
  | 'BadAnswer'
  | 'Credentials';

/** A request to the Kubernetes API that did not succeed. The message names what, where and how to mend it; it has no secret in it. */
export class KubernetesError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly verb: string;
  /** `httproutes.gateway.networking.k8s.io`; empty where no resource was asked for. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly objectName: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(init: KubernetesErrorInit) {
    super(init.message, init.cause === undefined ? {} : { cause: init.cause });
    this.name = 'KubernetesError';
    this.status = init.status;
    this.reason = init.reason;
    this.verb = init.verb;
    this.resource = init.plural === '' ? '' : resourceName(init);
    this.namespace = init.namespace;
    this.objectName = init.name;
    this.retryAfterMs = init.retryAfterMs;
  }

  /** The version that was asked for is no longer kept: list again. */
  get expired(): boolean {
    return this.status === 410;
  }

  /** The server has no such resource type; a missing object is something else. */
  get notServed(): boolean {
    return this.reason === 'NotServed';
  }

  /** There is no such object. */
  get notFound(): boolean {
    return this.status === 404 && !this.notServed;
  }

  get conflict(): boolean {
    return this.status === 409;
  }

  /** No API server answered: nothing that is special to this request. */
  get unreachable(): boolean {
    return this.status === 0 && (this.reason === 'Unreachable' || this.reason === 'Timeout' || this.reason === 'Certificate');
  }
}

/** The error for an answer of 400 and above. */
export function errorOfAnswer(target: RequestTarget, status: number, body: ServerStatus | undefined, retryAfter?: string): KubernetesError {
  const notServed = status === 404 && target.plural !== '' && isUnserved(target, body);
  const reason = notServed ? 'NotServed' : (body?.reason ?? (status === 410 ? 'Expired' : `HTTP ${status}`));
  return new KubernetesError({
    ...target,
    status,
    reason,
    message: messageOf(target, status, notServed, body),
    retryAfterMs: retryAfterMs(retryAfter) ?? secondsToMs(body?.details?.retryAfterSeconds),
  });
}

/** A path that no API serves is answered without the name of an object. */
function isUnserved({ name }: RequestTarget, body: ServerStatus | undefined): boolean {
  if (body?.details?.name !== undefined && body.details.name !== '') return false;
  return name === undefined || body?.details?.kind === undefined;
}

function messageOf(target: RequestTarget, status: number, notServed: boolean, body: ServerStatus | undefined): string {
  const what = describe(target);
  const said = body?.message === undefined ? '' : `: ${body.message}`;
  if (notServed) return `the cluster does not serve ${target.plural} of ${apiVersionOf(target)}: install its CRDs`;
  if (status === 401) return `the API server does not accept our credentials (${what}): renew the token or certificate of the kubeconfig`;
  if (status !== 403) return `${what} failed with ${status}${said}`;
  // An admission plugin or a quota refuses with 403 as well; then the server's own words are what helps.
  if (body?.message !== undefined && !/cannot \w+ resource/.test(body.message)) return `${what} is refused${said}`;
  const user = /User "([^"]+)"/.exec(body?.message ?? '')?.[1];
  const who =
    user === undefined ? 'this account' : `${user.startsWith('system:serviceaccount:') ? 'this service account' : 'this user'} (${user})`;
  const resource = target.subresource === undefined ? target.plural : `${target.plural}/${target.subresource}`;
  const group = target.group === '' ? 'the core group ("")' : `group ${target.group}`;
  return `${who} may not ${what}: grant verb ${target.verb} on resource ${resource} of ${group}`;
}

/** `list httproutes.gateway.networking.k8s.io in namespace x`. */
export function describe(target: RequestTarget): string {
  const { verb, name, namespace, subresource } = target;
  if (target.plural === '') return `${verb} of the API's groups`;
  const object = name === undefined ? '' : ` ${name}`;
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${verb} ${resourceName(target)}${subresource === undefined ? '' : `/${subresource}`}${object}${where}`;
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds === undefined || !(seconds > 0) ? undefined : seconds * 1000;
}

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return secondsToMs(Number(value));
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
