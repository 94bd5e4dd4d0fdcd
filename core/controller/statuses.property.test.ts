import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import { ClusterLoader, REFERENCED } from '../resources/cluster-load.ts';
import { type GroupKind, groupOf } from '../resources/kind.ts';
import { atOnce } from '../resources/slices.ts';
import { type Compiled, compiling, type CompileOptions, newShared } from '../route/compile.ts';
import type { CompileMemory } from '../route/memory.ts';
import { CONTROLLER, objectOf, type Slot, SLOTS } from './changes.fixture.ts';
import { described } from './described.fixture.ts';
import type { GatewayPlace } from './gateway-services.ts';
import { RouteStatuses } from './route-statuses.ts';
import { type DesiredStatus, desiringStatuses } from './statuses.ts';

interface Change {
  readonly slot: number;
  /** Which of the versions, or that it goes. */
  readonly version: number;
}

/** What becomes of a configuration: it is served, or dropped, or gone on from as another load has more. */
type Fate = 'take' | 'drop' | 'go on';

interface Step {
  readonly changes: readonly Change[];
  readonly fate: Fate;
  /** Whether the statuses that ought to be there are written. */
  readonly writes: boolean;
  readonly slices: number;
}

/** An object: what the loader is given, and as the cluster has it with its status. */
interface Held {
  readonly content: KubernetesObject;
  readonly object: KubernetesObject;
}

const NOW = new Date('2026-03-01T00:00:00Z');

/** A process that loads again and again; or a new one for each load. */
class Process {
  readonly shared = newShared();
  readonly #loader = new ClusterLoader(CONTROLLER);
  readonly #statuses = new RouteStatuses();
  readonly #asked = new Set<string>();
  #ongoing: CompileMemory | undefined;

  load(held: readonly Held[], slices: readonly EndpointSlice[], fate: Fate): { readonly is: unknown; readonly desired: DesiredStatus[] } {
    const { connections, backends, identify } = this.shared;
    this.#asked.clear();
    const options: CompileOptions = {
      inCluster: true,
      listenOn: () => 10_000,
      slices: (service) => {
        this.#asked.add(service);
        return [...slices];
      },
    };
    connections.kept.begin();
    backends.begin();
    identify.begin();
    const loaded = this.#loader.load(
      held.map(({ content }) => content),
      '1',
    );
    const compiled: Compiled = atOnce(compiling(loaded, this.shared, options, this.#ongoing ?? this.shared.memory));
    const objects = ({ group, kind }: GroupKind): KubernetesObject[] =>
      held.map(({ object }) => object).filter((object) => object.kind === kind && groupOf(object.apiVersion) === group);
    const places = new Map<string, GatewayPlace>([
      ['default/g0', { addresses: [{ type: 'IPAddress', value: '198.18.0.1' }], ports: new Set([80]) }],
    ]);
    const view = { controllerName: CONTROLLER, loaded, compiled, objects, places, servesPools: false };
    const desired = atOnce(desiringStatuses(view, NOW, this.#statuses));
    if (fate === 'take') {
      this.shared.memory = compiled.memory;
      connections.kept.commit();
      backends.commit();
      identify.retire();
    } else if (fate === 'drop') {
      connections.kept.rollback();
      backends.rollback();
    }
    this.#ongoing = fate === 'go on' ? compiled.memory : undefined;
    const is = {
      compiled: described(compiled),
      desired,
      asked: [...REFERENCED.map((kind) => [...loaded.set.asked(kind)].sort()), [...this.#asked].sort()],
      // Of what is served nothing is closed, and nothing is kept that is not.
      kept: fate === 'take' ? [connections.kept.values().length, backends.values().length] : [],
    };
    return { is, desired };
  }
}

/** What others depend on changes more often than they do. */
const DEPENDED_ON = SLOTS.flatMap(({ kind }, at) => (kind.endsWith('Route') ? [] : [at]));
const slotAt = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...DEPENDED_ON) }, fc.nat(SLOTS.length - 1));
const change = fc.record({ slot: slotAt, version: fc.nat(99) });
const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 2 }),
  fate: fc.oneof({ weight: 4, arbitrary: fc.constant('take' as const) }, fc.constantFrom<Fate>('drop', 'go on')),
  writes: fc.boolean(),
  slices: fc.nat(2),
});
/** What is there at first: most of it. */
const first = fc.tuple(
  ...SLOTS.map(({ versions: { length } }) => fc.oneof({ weight: 6, arbitrary: fc.nat(length - 1) }, fc.constant(length))),
);

const SLICES: readonly EndpointSlice[] = ['10.9.0.1', '10.9.0.2'].map((address) => ({
  addresses: [address],
  ports: [{ name: '', port: 8080 }],
}));

it('serves and reports after any changes what it would from the start', () => {
  fc.assert(
    fc.property(first, fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }), (versions, steps) => {
      const process = new Process();
      const there = new Map<Slot, Held>();
      let generation = 0;
      const put = (slot: Slot, at: number): void => {
        const version = slot.versions[at % (slot.versions.length + 1)];
        if (version === undefined) {
          there.delete(slot);
          return;
        }
        const content = objectOf(slot, version, ++generation);
        there.set(slot, { content, object: content });
      };
      for (const [at, version] of versions.entries()) put(SLOTS[at]!, version);
      const start: Step = { changes: [], fate: 'take', writes: true, slices: 0 };
      for (const { changes, fate, writes, slices } of [start, ...steps]) {
        for (const { slot, version } of changes) put(SLOTS[slot]!, version);
        const held = SLOTS.flatMap((slot) => there.get(slot) ?? []);
        const { is, desired } = process.load(held, SLICES.slice(0, slices), fate);
        expect(is).toEqual(new Process().load(held, SLICES.slice(0, slices), fate).is);
        if (writes) for (const status of desired) write(there, status);
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);

function write(there: Map<Slot, Held>, { kind, namespace, name, status }: DesiredStatus): void {
  for (const [slot, { content, object }] of there) {
    if (slot.kind !== kind.kind || slot.name !== name || slot.namespace !== namespace) continue;
    there.set(slot, {
      content,
      object: { ...object, status: { ...(object['status'] as object | undefined), ...structuredClone(status) } },
    });
  }
}
