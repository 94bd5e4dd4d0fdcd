import { type ClusterLocation, Credentials } from './credentials.ts';
import { type KubernetesObject, type ObjectList, pathOf, type Place, type ResourceType } from './resource.ts';
import { type ByteStream, type Method, type Query, type RequestOptions, Transport, type TransportOptions } from './transport.ts';

/** One object, or one sub-resource of it. */
export interface ObjectPlace extends Place {
  readonly name: string;
}

export interface ApplyOptions {
  /** Who owns the fields that are written. */
  readonly fieldManager: string;
  /** Takes fields that another manager owns. @default true, as controllers should */
  readonly force?: boolean | undefined;
  readonly subresource?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What must hold, or the server answers 409. */
export interface DeleteOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A Kubernetes API, with what a controller asks of it. Every failure is a KubernetesError.
 *
 * @example
 * const client = await KubernetesClient.connect({ kubeconfig: '/etc/kubeconfig', context: 'models' });
 * await client.apply(HTTP_ROUTE, route, { fieldManager: 'tierkit' });
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export class KubernetesClient {
  readonly #transport: Transport;
  /** Namespace of the kubeconfig's context or of the service account. */
  readonly namespace: string;

  constructor(credentials: Credentials, options?: TransportOptions) {
    this.#transport = new Transport(credentials, options);
    this.namespace = credentials.namespace;
  }

  /** @throws Error when there is no cluster at that place. Nothing is sent yet. */
  static async connect(location?: ClusterLocation, options?: TransportOptions): Promise<KubernetesClient> {
    return new KubernetesClient(await Credentials.load(location), options);
  }

  get server(): string {
    return this.#transport.server;
  }

  /** Watches that are open now. */
  get watches(): number {
    return this.#transport.watches;
  }

  request<T>(method: Method, path: string, options?: RequestOptions): Promise<T> {
    return this.#transport.request<T>(method, path, options);
  }

  /** Opens a watch; {@link Reflector} reads it. */
  watch(type: ResourceType, namespace: string | undefined, query: Query, signal?: AbortSignal): Promise<ByteStream> {
    return this.#transport.stream(pathOf(type, { namespace }), { query: { ...query, watch: true }, signal });
  }

  get<T = KubernetesObject>(type: ResourceType, place: ObjectPlace, signal?: AbortSignal): Promise<T> {
    return this.request('GET', pathOf(type, place), { signal });
  }

  /** One page. */
  list(type: ResourceType, namespace?: string, query?: Query, signal?: AbortSignal): Promise<ObjectList> {
    return this.request('GET', pathOf(type, { namespace }), { query, signal });
  }

  create<T extends KubernetesObject>(type: ResourceType, object: T, signal?: AbortSignal): Promise<T> {
    return this.request('POST', pathOf(type, { namespace: object.metadata.namespace }), { body: object, signal });
  }

  /** Writes the whole object, or its status with the sub-resource `status`; with a resourceVersion only over that version. */
  replace<T extends KubernetesObject>(type: ResourceType, object: T, subresource?: string, signal?: AbortSignal): Promise<T> {
    return this.request('PUT', pathOf(type, placeOf(object, subresource)), { body: object, signal });
  }

  /** JSON merge patch (RFC 7396): null deletes a field, a list is replaced. */
  mergePatch<T = KubernetesObject>(type: ResourceType, place: ObjectPlace, patch: object, signal?: AbortSignal): Promise<T> {
    return this.request('PATCH', pathOf(type, place), { body: patch, contentType: 'application/merge-patch+json', signal });
  }

  /**
   * Server-side apply: the fields of `object`, and only these, are this manager's.
   * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
   */
  apply<T extends KubernetesObject>(type: ResourceType, object: T, options: ApplyOptions): Promise<T> {
    const { fieldManager, force = true, subresource, signal } = options;
    return this.request('PATCH', pathOf(type, placeOf(object, subresource)), {
      query: { fieldManager, force },
      // JSON is YAML.
      body: object,
      contentType: 'application/apply-patch+yaml',
      signal,
    });
  }

  delete(type: ResourceType, place: ObjectPlace, options: DeleteOptions = {}): Promise<unknown> {
    const { uid, resourceVersion, propagationPolicy, signal } = options;
    const preconditions = { uid, resourceVersion };
    return this.request('DELETE', pathOf(type, place), {
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy, preconditions },
      signal,
    });
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await this.#transport.close();
  }
}

function placeOf({ metadata }: KubernetesObject, subresource: string | undefined): ObjectPlace {
  return { namespace: metadata.namespace, name: metadata.name, subresource };
}
