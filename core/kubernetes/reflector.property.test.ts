import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { FakeApiServer, type Fault } from './api-server.fixture.ts';
import { keepObject, sameContent } from './keep.ts';
import { Reflector } from './reflector.ts';
import type { ResourceType } from './resource.ts';
import { fastClock, until } from './time.fixture.ts';

const ROUTE: ResourceType = { group: 'g.dev', version: 'v1', kind: 'Route', plural: 'routes', namespaced: true };

const gone = JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom(500, 503, 429, 403, 410, 401).map((status) => ({ act: 'status', status }) as const),
  fc.record({ act: fc.constant('cut' as const), afterBytes: fc.integer({ min: 0, max: 400 }) }),
  fc.constant({ act: 'cut' } as const),
  fc.constant({ act: 'end' } as const),
  fc.constant({ act: 'say', lines: [gone] } as const),
  fc.constant({ act: 'say', lines: ['{'] } as const),
  fc.record({ act: fc.constant('split' as const), bytes: fc.integer({ min: 1, max: 40 }) }),
);

type Step =
  | { readonly do: 'put'; readonly namespace: string; readonly name: string; readonly value: number }
  | { readonly do: 'remove'; readonly namespace: string; readonly name: string }
  | { readonly do: 'fault'; readonly verb: 'list' | 'watch'; readonly fault: Fault }
  | { readonly do: 'cut' | 'end' | 'mute' | 'compact' | 'bookmark' | 'wait' | 'away' };

const place = { namespace: fc.constantFrom('a', 'b'), name: fc.constantFrom('p', 'q', 'r', 's', 't') };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), ...place, value: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), ...place }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fault' as const), verb: fc.constantFrom('list' as const, 'watch' as const), fault }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cut', 'end', 'mute', 'compact', 'bookmark', 'wait', 'wait', 'away') }) },
);

async function take(server: FakeApiServer, each: Step): Promise<void> {
  const { table } = server;
  switch (each.do) {
    case 'put':
      table.put(ROUTE, { metadata: { name: each.name, namespace: each.namespace }, spec: { value: each.value, text: '€😀' } });
      break;
    case 'remove':
      table.remove(ROUTE, each.namespace, each.name);
      break;
    case 'fault':
      server.faults.push({ verb: each.verb, fault: each.fault });
      break;
    case 'cut':
      server.cutWatches();
      break;
    case 'end':
      server.endWatches();
      break;
    case 'mute':
      server.muteWatches();
      break;
    case 'compact':
      table.compact();
      break;
    case 'bookmark':
      server.bookmark();
      break;
    case 'away':
      await server.leave();
      await server.listen();
      break;
    case 'wait':
      await new Promise((resolve) => {
        setTimeout(resolve, 3);
      });
      break;
  }
}

it('ends with what the server has, whatever happens in whatever order, and its changes add up to that', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(undefined, ['a', 'b']), async (steps, namespaces) => {
      const server = await FakeApiServer.start(ROUTE);
      const stop = new AbortController();
      const summed = new Map<string, string>();
      const wrong: string[] = [];
      const reflector = new Reflector({
        client: await server.client(),
        type: ROUTE,
        keep: keepObject,
        same: sameContent,
        namespaces,
        onChange: (changes) => {
          for (const { key, before, after } of changes) {
            if (summed.get(key) !== before?.resourceVersion) wrong.push(`${key}: ${before?.resourceVersion} was ${summed.get(key)}`);
            if (before?.resourceVersion === after?.resourceVersion) wrong.push(`${key}: no change`);
            if (after === undefined) summed.delete(key);
            else summed.set(key, after.resourceVersion);
          }
        },
        tuning: { clock: fastClock(2000), pageSize: 3 },
      });
      const running = reflector.run(stop.signal);
      for (const each of steps) await take(server, each);
      const expected = server.table.all(ROUTE).map(({ metadata }) => [`${metadata.namespace}/${metadata.name}`, metadata.resourceVersion]);
      const text = JSON.stringify(expected);
      await until(() => JSON.stringify(reflector.all().map(({ key, resourceVersion }) => [key, resourceVersion])) === text);
      expect(await reflector.synced()).toBe(true);
      expect([...summed].sort(([one], [other]) => (one < other ? -1 : 1))).toEqual(expected);
      expect(wrong).toEqual([]);
      stop.abort();
      await running;
      await server.leave();
    }),
    { numRuns: 60 },
  );
}, 60_000);
