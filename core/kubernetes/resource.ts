/** A resource type as the API server addresses it: group, version and plural. */
export interface ResourceType {
  /** Empty for core Kubernetes. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** What is read of an object's metadata. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly finalizers?: readonly string[] | undefined;
  readonly ownerReferences?: readonly object[] | undefined;
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** One page of a list. Items of built-in types come without apiVersion and kind. */
export interface ObjectList {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly Record<string, unknown>[];
}

/** Which object, or which part of a collection. */
export interface Place {
  /** Absent or empty: all namespaces, or a kind outside namespaces. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, `scale`. */
  readonly subresource?: string | undefined;
}

/** What a request asks for, as the authorizer of the API server sees it. */
export interface RequestTarget extends Place {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** Empty where the path addresses no resource, such as `/apis`. */
  readonly plural: string;
}

export function apiVersionOf({ group, version }: Pick<ResourceType, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

export function pathOf(type: ResourceType, { namespace, name, subresource }: Place = {}): string {
  let path = `${type.group === '' ? '/api' : `/apis/${type.group}`}/${type.version}`;
  if (type.namespaced && namespace !== undefined && namespace !== '') path += `/namespaces/${encodeURIComponent(namespace)}`;
  path += `/${type.plural}`;
  if (name !== undefined) path += `/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb */
export function targetOf(method: string, path: string, watch = false): RequestTarget {
  const [root, ...parts] = path.split('/').slice(1).map(decodeURIComponent);
  const group = root === 'apis' ? (parts.shift() ?? '') : '';
  const version = parts.shift() ?? '';
  // The object `namespaces/x` is an object itself; `namespaces/x/pods` is in it.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined;
  const [plural = '', name, subresource] = parts;
  const verb = VERBS[method] ?? (watch ? 'watch' : name === undefined ? 'list' : 'get');
  return { verb, group, version, plural, namespace, name, subresource };
}

/** `httproutes.gateway.networking.k8s.io`, `pods`. */
export function resourceName({ group, plural }: Pick<RequestTarget, 'group' | 'plural'>): string {
  return group === '' ? plural : `${plural}.${group}`;
}
