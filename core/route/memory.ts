import type { Serving } from '../attempt/backend.ts';
import type { Security } from '../identify/identity.ts';
import type { KeySource, RemoteKeySet } from '../identify/remote-key-set.ts';
import type { Kept, KeptEntry } from '../kept.ts';
import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import type { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { sameItems } from '../same-items.ts';
import type { GroupKind, KindDefinition, Metadata, Resource } from '../resources/kind.ts';
import type { KindTable, ResourceSet, SetObserver } from '../resources/set.ts';

import type { PreparedLimit } from '../limits/rate-limit.ts';
import type { CompiledLimit } from '../limits/compiled.ts';
import type { KnownBackend } from './ai-backend.ts';
import type { Attachment } from './attach.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { Policies } from './policies.ts';
import type { BackendQuotas } from './quotas.ts';
import type { RememberedHosts } from './hosts.ts';
import type { RouteExchanges } from './mcp-exchange.ts';
import { remember } from './remember.ts';
import { Reading, Recorder, Remembered, type Step } from './remembered.ts';
import type { ClientCertificate } from './scope.ts';
import type { Told } from './scope-of.ts';

/** Where a policy may hold. */
export interface PolicyPlace {
  readonly route: Resource;
  readonly rule: string | undefined;
  readonly attachment: Attachment | undefined;
}

/** What is asked of the policies of one kind. */
export interface PolicyReadings {
  readonly policy: Reading<PolicyPlace, Resource | undefined>;
  /** Name of one that has problems of its own. */
  readonly invalid: Reading<PolicyPlace, string | undefined>;
}

/**
 * The steps of compiling, and the work that is remembered by them. There is one for all configurations of a process; only one is compiled at
 * a time.
 */
export class CompileWork {
  readonly recorder = new Recorder();
  readonly #resources = new Map<KindDefinition, Reading<string, Resource | undefined>>();
  readonly #tables = new Map<KindDefinition, Reading<undefined, KindTable | undefined>>();
  readonly #policies = new Map<KindDefinition, PolicyReadings>();
  readonly doubts = this.#reading<readonly [kind: string | GroupKind, namespace: string, name: string], boolean>();
  readonly names = this.#reading<readonly [kind: string | GroupKind, namespace: string], readonly string[]>(sameItems);
  readonly grants = this.#reading<readonly [key: string, name: string], boolean>();
  readonly labels = this.#reading<string, Metadata['labels'] | undefined>();
  readonly slices = this.#reading<string, readonly EndpointSlice[]>(sameItems);
  readonly pools = this.#reading<string, Serving | undefined>();
  readonly broken = this.#reading<Metadata, boolean>();
  readonly credentials = this.#reading<string, BackendSecurityPolicy | 'broken' | undefined>(sameResource);
  readonly exchanges = this.#reading<string, RouteExchanges | undefined>(sameExchanges);
  readonly quotas = this.#reading<string, BackendQuotas | undefined>();
  readonly securities = this.#reading<unknown, Security | undefined>();
  readonly clients = this.#reading<string, ClientCertificate | undefined>(sameClient);
  readonly keySets = this.#reading<readonly [url: URL, source: KeySource], RemoteKeySet>();

  /** By the metadata of a route. */
  readonly routes = this.#remembered<unknown, CompiledRoute | undefined>();
  /** By the metadata of a SecurityPolicy. */
  readonly security = this.#remembered<unknown, Security>();
  readonly refusing = this.#remembered<string, Security>();
  readonly backends = this.#remembered<string, KnownBackend | undefined>();
  readonly prepared = this.#remembered<string, readonly PreparedLimit[]>();
  readonly quotaLimits = this.#remembered<string, readonly CompiledLimit[]>();
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;
  #set: ResourceSet | undefined;
  #before: ResourceSet | undefined;

  /** Tells of problems and notices, of the configuration in hand. */
  tell: (what: Told) => void = () => undefined;
  notice: (message: string) => void = () => undefined;
  readonly problem: Step<Told, undefined> = { again: (what) => (this.tell(what), true) };
  readonly notes: Step<string, undefined> = { again: (message) => (this.notice(message), true) };
  readonly #pairs = new WeakMap<object, Map<string, object>>();

  /** One object for two things, as long as they are the same. */
  pair(object: object, client: ClientCertificate | undefined): object {
    if (client === undefined) return object;
    const pairs = remember(this.#pairs, object, () => new Map<string, object>());
    return remember(pairs, `${client.certificate}${client.key}`, () => ({}));
  }

  /** Notes what is used of things that outlive a reload. */
  watch<T>(kept: Kept<T>): void {
    const step: Step<KeptEntry<T>, undefined> = { again: (entry) => kept.use(entry) };
    kept.onGet = (entry) => this.recorder.note(step, entry, undefined);
  }

  /** A short name of an object for keys; undefined has one as well. */
  readonly id = (object: object | undefined): number => {
    if (object === undefined) return 0;
    let id = this.#ids.get(object);
    if (id === undefined) this.#ids.set(object, (id = ++this.#lastId));
    return id;
  };

  /** Begins a configuration of a set. @param before what another one was made of */
  begin(set: ResourceSet, before: CompileMemory | undefined): void {
    this.#set = set;
    this.#before = before?.set;
    for (const [definition, reading] of this.#resources) this.#beginResources(definition, reading);
    for (const [definition, reading] of this.#tables) this.#beginTable(definition, reading);
    this.doubts.get = ([kind, namespace, name]) => set.isInvalid(kind, namespace, name);
    this.names.get = ([kind, namespace]) => set.names(kind, namespace);
    for (const name of REMEMBERED) this[name].begin(before?.entries[name] ?? NOTHING);
  }

  /** Notes what is looked up in a set. */
  readonly observer: SetObserver = {
    got: (definition, key, found) => {
      let reading = this.#resources.get(definition);
      if (reading === undefined) {
        reading = this.#reading<string, Resource | undefined>(sameResource);
        this.#resources.set(definition, reading);
        this.#beginResources(definition, reading);
      }
      reading.note(key, found);
    },
    listed: (definition) => this.#noteTable(definition),
    targeted: (definition) => this.#noteTable(definition),
    doubted: (kind, namespace, name, isInvalid) => this.doubts.note([kind, namespace, name], isInvalid),
    named: (kind, namespace, names) => this.names.note([kind, namespace], names),
  };

  policies(definition: KindDefinition): PolicyReadings {
    return remember(this.#policies, definition, () => ({
      policy: this.#reading<PolicyPlace, Resource | undefined>(sameResource),
      invalid: this.#reading<PolicyPlace, string | undefined>(),
    }));
  }

  /** What the configuration in hand is made of. */
  get entries(): CompileMemory['entries'] {
    return Object.fromEntries(REMEMBERED.map((name) => [name, this[name].entries])) as CompileMemory['entries'];
  }

  #noteTable(definition: KindDefinition): void {
    let reading = this.#tables.get(definition);
    if (reading === undefined) {
      reading = this.#reading<undefined, KindTable | undefined>(sameTable);
      this.#tables.set(definition, reading);
      this.#beginTable(definition, reading);
    }
    reading.note(undefined, this.#set?.table(definition));
  }

  #beginResources(definition: KindDefinition, reading: Reading<string, Resource | undefined>): void {
    const set = this.#set!;
    reading.get = (key) => set.find(definition, key);
    // What is read by reference has to be asked for again.
    reading.unchanged = !set.notes(definition) && this.#before !== undefined && this.#before.table(definition) === set.table(definition);
  }

  #beginTable(definition: KindDefinition, reading: Reading<undefined, KindTable | undefined>): void {
    const set = this.#set!;
    reading.get = () => set.table(definition);
  }

  #reading<K, V>(same?: (one: V, other: V) => boolean): Reading<K, V> {
    return new Reading<K, V>(this.recorder, nothingYet, same);
  }

  #remembered<K, V>(): Remembered<K, V> {
    return new Remembered<K, V>(this.recorder);
  }
}

function nothingYet(): never {
  throw new Error('nothing is compiled');
}

const REMEMBERED = ['routes', 'security', 'refusing', 'backends', 'prepared', 'quotaLimits'] as const;
const NOTHING: ReadonlyMap<unknown, unknown> = new Map();

/** What a configuration was compiled to, for the next one: what has not changed, and depends on nothing that has, is not compiled again. */
export interface CompileMemory {
  readonly set: ResourceSet;
  readonly entries: { readonly [Name in (typeof REMEMBERED)[number]]: ReadonlyMap<unknown, unknown> };
  readonly policies: ReadonlyMap<KindDefinition, Policies<Resource>>;
  readonly quotas: ReadonlyMap<string, BackendQuotas>;
  readonly hosts: RememberedHosts;
}

function sameClient(one: ClientCertificate | undefined, other: ClientCertificate | undefined): boolean {
  return one === other || (one?.of === other?.of && one?.certificate === other?.certificate && one?.key === other?.key);
}

/** The same document, wherever in a file it stands. */
export function sameResource(one: Resource | string | undefined, other: Resource | string | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object') return false;
  return one.body === other.body && one.metadata === other.metadata;
}

function sameExchanges(one: RouteExchanges | undefined, other: RouteExchanges | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.exchanges.length === other.exchanges.length &&
    one.exchanges.every((exchange, index) => sameResource(exchange, other.exchanges[index])) &&
    JSON.stringify(one.unread) === JSON.stringify(other.unread)
  );
}

function sameTable(one: KindTable | undefined, other: KindTable | undefined): boolean {
  if (one === other) return true;
  if ((one?.invalid.size ?? 0) > 0 || (other?.invalid.size ?? 0) > 0) return false;
  const [ours, theirs] = [one?.all() ?? [], other?.all() ?? []];
  return ours.length === theirs.length && ours.every((resource, index) => sameResource(resource, theirs[index]));
}
