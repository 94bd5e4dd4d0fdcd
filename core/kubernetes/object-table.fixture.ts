// For tests: the objects of an API server in memory, with versions and pages.
import type { RequestTarget, ResourceType } from './resource.ts';
import { resourceName } from './resource.ts';

export interface Stored {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface TableEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Stored;
  readonly before: Stored | undefined;
  /** Resource name. */
  readonly of: string;
  readonly version: number;
}

interface Answer {
  readonly status: number;
  readonly answer: object;
}

export class ObjectTable {
  onEvent: (event: TableEvent) => void = () => undefined;
  /** Versions before this one are forgotten. */
  compacted = 0;
  /** As real ones: lists of built-in types without kind and apiVersion. */
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #events: TableEvent[] = [];
  readonly #pages = new Map<string, { readonly items: readonly Stored[]; readonly version: number }>();
  #version = 1;
  #uids = 0;

  get version(): number {
    return this.#version;
  }

  all(type: Pick<ResourceType, 'group' | 'plural'>): Stored[] {
    return [...this.#of(resourceName(type)).values()].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  }

  put(type: ResourceType, object: Stored): Stored {
    const objects = this.#of(resourceName(type));
    const before = objects.get(keyOf(object));
    this.#version++;
    const metadata = {
      generation: 1,
      ...object.metadata,
      uid: before?.metadata.uid ?? `uid-${++this.#uids}`,
      resourceVersion: String(this.#version),
      managedFields: [{ manager: 'kubectl' }],
    };
    const stored = { ...object, metadata };
    objects.set(keyOf(object), stored);
    this.#tell({
      type: before === undefined ? 'ADDED' : 'MODIFIED',
      object: stored,
      before,
      of: resourceName(type),
      version: this.#version,
    });
    return stored;
  }

  remove(type: ResourceType, namespace: string, name: string): void {
    const objects = this.#of(resourceName(type));
    const before = objects.get(`${namespace}/${name}`);
    if (before === undefined) return;
    objects.delete(`${namespace}/${name}`);
    this.#version++;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ type: 'DELETED', object, before, of: resourceName(type), version: this.#version });
  }

  /** Forgets past events and pages. */
  compact(): void {
    this.compacted = this.#version;
    this.#events.length = 0;
    this.#pages.clear();
  }

  since(version: number): TableEvent[] {
    return this.#events.filter((event) => event.version > version);
  }

  selects({ metadata }: Stored, { namespace }: RequestTarget, query: URLSearchParams): boolean {
    if (namespace !== undefined && metadata.namespace !== namespace) return false;
    const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    if (name !== undefined && metadata.name !== name) return false;
    const wanted = (query.get('labelSelector') ?? '').split(',').filter((each) => each !== '');
    return wanted.every((each) => {
      const [key = '', value] = each.split('=');
      return metadata.labels?.[key] === value;
    });
  }

  answer(type: ResourceType, target: RequestTarget, query: URLSearchParams, body: string): Answer {
    const { verb, namespace = '', name = '', plural } = target;
    const present = this.#of(resourceName(type)).get(`${namespace}/${name}`);
    if (verb === 'list') return this.#list(type, target, query);
    const given = body === '' ? undefined : (JSON.parse(body) as Stored);
    if (verb === 'create') {
      if (given === undefined || this.#of(resourceName(type)).has(keyOf(given))) return refuse(409, 'AlreadyExists', plural, '');
      return { status: 201, answer: this.put(type, given) };
    }
    if (present === undefined && verb !== 'patch') return refuse(404, 'NotFound', plural, name);
    if (verb === 'get') return { status: 200, answer: present! };
    if (verb === 'delete') {
      this.remove(type, namespace, name);
      return { status: 200, answer: { kind: 'Status', status: 'Success' } };
    }
    if (verb === 'update') {
      const version = given?.metadata.resourceVersion;
      if (version !== undefined && version !== present?.metadata.resourceVersion) return refuse(409, 'Conflict', plural, name);
    }
    return {
      status: 200,
      answer: this.put(type, { ...present, ...given!, metadata: { ...present?.metadata, ...given!.metadata, name, namespace } }),
    };
  }

  #list(type: ResourceType, target: RequestTarget, query: URLSearchParams): Answer {
    const token = query.get('continue');
    const limit = Number(query.get('limit') ?? '0');
    const known = token === null ? undefined : this.#pages.get(token);
    if (token !== null && known === undefined) return refuse(410, 'Expired', target.plural, '');
    const { items, version } = known ?? {
      items: this.all(type).filter((each) => this.selects(each, target, query)),
      version: this.#version,
    };
    const page = limit > 0 ? items.slice(0, limit) : items;
    const rest = items.slice(page.length);
    const next = rest.length > 0 ? `page-${this.#pages.size}-${version}` : undefined;
    if (next !== undefined) this.#pages.set(next, { items: rest, version });
    return {
      status: 200,
      answer: { kind: `${type.kind}List`, metadata: { resourceVersion: String(version), continue: next }, items: page },
    };
  }

  #of(resource: string): Map<string, Stored> {
    const found = this.#objects.get(resource) ?? new Map<string, Stored>();
    this.#objects.set(resource, found);
    return found;
  }

  #tell(event: TableEvent): void {
    this.#events.push(event);
    this.onEvent(event);
  }
}

function keyOf({ metadata }: Stored): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function refuse(status: number, reason: string, kind: string, name: string): Answer {
  return { status, answer: { kind: 'Status', code: status, reason, message: `${kind} "${name}": ${reason}`, details: { kind, name } } };
}
