import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { FakeApiServer, FaultRule } from './api-server.fixture.ts';
import { expired, gone, names, ReflectorBench, ROUTE, told } from './reflector.fixture.ts';
import { fastClock, settle, until } from './time.fixture.ts';

let bench: ReflectorBench;
let server: FakeApiServer;

beforeEach(async () => {
  bench = await ReflectorBench.start();
  ({ server } = bench);
});
afterEach(() => bench.end());

const broken = JSON.stringify({ type: 'ERROR', object: { code: 500, message: 'etcd' } });
const long = JSON.stringify({
  type: 'ADDED',
  object: { metadata: { name: 'long', namespace: 'a', resourceVersion: '1' }, pad: 'x'.repeat(3000) },
});

/** Name, faults, lists that they cost. */
const FAULTS: readonly (readonly [string, readonly FaultRule[], number])[] = [
  ['a list that is cut', [{ verb: 'list', fault: { act: 'cut' } }], 2],
  ['a list that is cut in the middle', [{ verb: 'list', fault: { act: 'cut', afterBytes: 200 } }], 2],
  [
    'a list that fails with 500, 502, 503',
    [500, 502, 503].map((status) => ({ verb: 'list', fault: { act: 'status', status } }) as const),
    4,
  ],
  ['a list that is too much', [{ verb: 'list', fault: { act: 'status', status: 429, headers: { 'retry-after': '1' } } }], 2],
  ['a list that is no JSON', [{ verb: 'list', fault: { act: 'status', status: 200, body: '<html>' } }], 2],
  ['a list without a version', [{ verb: 'list', fault: { act: 'status', status: 200, body: { metadata: {}, items: [] } } }], 2],
  ['a watch that is refused', [{ verb: 'watch', times: 3, fault: { act: 'status', status: 500 } }], 1],
  ['a watch that is too much', [{ verb: 'watch', fault: { act: 'status', status: 429, headers: { 'retry-after': '2' } } }], 1],
  ['a watch that is cut', [{ verb: 'watch', times: 4, fault: { act: 'cut' } }], 1],
  ['a watch that is cut after its start', [{ verb: 'watch', times: 4, fault: { act: 'cut', afterBytes: 0 } }], 1],
  ['a watch that ends at once', [{ verb: 'watch', times: 4, fault: { act: 'end' } }], 1],
  ['a watch that says nothing', [{ verb: 'watch', times: 2, fault: { act: 'hang' } }], 1],
  ['a version that has expired (HTTP 410)', [{ verb: 'watch', times: 2, fault: expired }], 3],
  ['a version that has expired (event)', [{ verb: 'watch', times: 2, fault: { act: 'say', lines: [gone] } }], 3],
  ['an error of the watch', [{ verb: 'watch', fault: { act: 'say', lines: [broken] } }], 1],
  ['a version that is none', [{ verb: 'watch', fault: { act: 'status', status: 400 } }], 2],
  ['a line that is no JSON', [{ verb: 'watch', fault: { act: 'say', lines: ['{"type":'] } }], 2],
  [
    'an event that is none',
    [{ verb: 'watch', fault: { act: 'say', lines: ['{"type":"NEWS","object":{"metadata":{"resourceVersion":"1"}}}'] } }],
    2,
  ],
  ['an event without an object', [{ verb: 'watch', fault: { act: 'say', lines: ['{"type":"ADDED"}'] } }], 2],
  ['a line that is too long', [{ verb: 'watch', fault: { act: 'say', lines: [long] } }], 2],
  ['bytes in pieces', [{ verb: 'watch', fault: { act: 'split', bytes: 3 } }], 1],
];

describe.each(FAULTS)('after %s', (_name, faults, lists) => {
  it('has what the server has, and tells of nothing else', async () => {
    bench.put('r', { text: 'ü€😀' });
    server.faults.push(...structuredClone(faults));
    const { reflector, changes } = await bench.reflect({ tuning: { clock: fastClock(200), maxLineBytes: 2000 } });
    await reflector.synced();
    await until(() => server.faults.length === 0);
    bench.put('s', { text: 'ü€😀' });
    bench.put('r', { text: 'x' });
    await until(() => changes.length === 3);
    expect(told(changes).sort()).toEqual(['+a/r', '+a/s', '~a/r']);
    expect(reflector.get('a', 's')?.object['spec']).toEqual({ text: 'ü€😀' });
    expect(server.count('list')).toBe(lists);
    await until(() => reflector.state.state === 'watching');
  });
});

describe('a reflector that was away', () => {
  it('learns of deletions and changes from a list, and of nothing that did not change', async () => {
    for (const name of ['kept', 'gone', 'changed']) bench.put(name);
    const { reflector, changes } = await bench.reflect();
    await until(() => server.watchers === 1);
    const kept = reflector.get('a', 'kept');
    await server.leave();
    server.table.remove(ROUTE, 'a', 'gone');
    bench.put('changed', { now: 1 });
    bench.put('new');
    server.table.compact();
    expect(names(reflector)).toEqual(['a/changed', 'a/gone', 'a/kept']);
    await server.listen();
    await until(() => changes.length === 6);
    expect(told(changes.slice(3)).sort()).toEqual(['+a/new', '-a/gone', '~a/changed']);
    expect(reflector.get('a', 'kept')).toBe(kept);
  });

  it('goes on from the last version without a list, that of a bookmark included', async () => {
    bench.put('r');
    const { reflector, changes } = await bench.reflect();
    await until(() => server.watchers === 1);
    bench.put('s');
    await until(() => changes.length === 2);
    server.table.put({ ...ROUTE, plural: 'others' }, { metadata: { name: 'o' } });
    server.table.compact();
    server.bookmark();
    await settle();
    server.cutWatches();
    await until(() => server.watchers === 1);
    bench.put('t');
    await until(() => changes.length === 3);
    expect(names(reflector)).toEqual(['a/r', 'a/s', 'a/t']);
    expect(server.count('list')).toBe(1);
    expect(server.seen.at(-1)?.query.get('resourceVersion')).toBe('4');
  });

  it('takes an object that was made anew for another one', async () => {
    bench.put('r');
    const { reflector, changes } = await bench.reflect();
    await until(() => server.watchers === 1);
    const before = reflector.get('a', 'r')!;
    await server.leave();
    server.table.remove(ROUTE, 'a', 'r');
    bench.put('r');
    server.table.compact();
    await server.listen();
    await until(() => changes.length === 2);
    expect(reflector.get('a', 'r')!.uid).not.toBe(before.uid);
    expect(told(changes)).toEqual(['+a/r', '~a/r']);
  });

  it('reads a list again whose pages expire, and at last without pages', async () => {
    for (let index = 0; index < 4; index++) bench.put(`r${index}`);
    // The second page of the first two lists.
    const first = { verb: 'list', fault: { act: 'split', bytes: 1 } } as const;
    server.faults.push(first, { verb: 'list', fault: expired }, first, { verb: 'list', fault: expired });
    const { reflector, bunches } = await bench.reflect({ tuning: { pageSize: 2 } });
    await reflector.synced();
    expect(bunches).toEqual([4]);
    const lists = server.seen.filter(({ verb }) => verb === 'list').map(({ query }) => query.get('limit'));
    expect(lists).toEqual(['2', '2', '2', '2', null]);
  });

  it('asks for smaller pages where one is too large', async () => {
    for (let index = 0; index < 16; index++) bench.put(`r${index < 8 ? 0 : 1}${index}`, { pad: 'x'.repeat(index < 8 ? 1 : 1500) });
    const { reflector } = await bench.reflect({ client: await server.client({ maxBytes: 4000 }), tuning: { pageSize: 8 } });
    await reflector.synced();
    expect(reflector.all()).toHaveLength(16);
    expect(server.count('list')).toBe(10);
  });
});

describe('the time of a reflector', () => {
  it('doubles the pause after each failure, up to a bound, and begins anew after a success', async () => {
    server.faults.push({ verb: 'list', times: 12, fault: { act: 'status', status: 500 } });
    const { clock, reflector } = await bench.reflectSlowly(() => 0.5);
    const pauses: number[] = [];
    while (pauses.length < 12) {
      await until(() => clock.waits.length === 1);
      pauses.push(clock.waits[0]!);
      clock.advance(clock.waits[0]!);
    }
    expect(pauses).toEqual([125, 250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000]);
    await reflector.synced();
    await until(() => server.watchers === 1 && clock.waits.length === 3);
    clock.advance(1000);
    server.cutWatches();
    await until(() => clock.waits.length === 1);
    expect(clock.waits).toEqual([125]);
  });

  it('waits as long as Retry-After says', async () => {
    server.faults.push({ verb: 'list', fault: { act: 'status', status: 429, headers: { 'retry-after': '7' } } });
    const { clock } = await bench.reflectSlowly(() => 0.5);
    await until(() => clock.waits.length === 1);
    expect(clock.waits).toEqual([7125]);
  });

  it('does not take a Retry-After of a day at its word', async () => {
    server.faults.push({ verb: 'list', fault: { act: 'status', status: 429, headers: { 'retry-after': '86400' } } });
    const { clock } = await bench.reflectSlowly(() => 0);
    await until(() => clock.waits.length === 1);
    expect(clock.waits).toEqual([120_000]);
  });

  it('notices a watch that has gone silent, and not one that only waits for a change', async () => {
    const { clock, changes, states } = await bench.reflectSlowly(() => 0.5);
    await until(() => server.watchers === 1 && clock.waits.length === 3);
    clock.advance(89_000);
    server.bookmark();
    await settle();
    clock.advance(89_000);
    await settle();
    expect(server.count('watch')).toBe(1);
    server.muteWatches();
    bench.put('r');
    clock.advance(1000);
    await until(() => server.count('watch') === 2 && changes.length === 1);
    expect(states.some(({ state }) => state === 'failing')).toBe(false);
    expect(server.count('list')).toBe(1);
  });

  it('ends a watch that the server does not end', async () => {
    const { clock } = await bench.reflectSlowly(() => 0.5);
    await until(() => server.watchers === 1 && clock.waits.length === 3);
    for (let minute = 0; minute < 9; minute++) {
      clock.advance(60_000 - (minute === 8 ? 31_000 : 0));
      server.bookmark();
      await settle();
    }
    expect(server.count('watch')).toBe(1);
    clock.advance(62_000);
    await until(() => server.count('watch') === 2);
  });

  it('does not ask again and again where each watch ends at once', async () => {
    server.faults.push({ verb: 'watch', times: 3, fault: { act: 'say', lines: [gone] } });
    const { clock } = await bench.reflectSlowly(() => 1 - Number.EPSILON);
    const pauses: number[] = [];
    for (let index = 0; index < 3; index++) {
      await until(() => clock.waits.length === 1);
      pauses.push(Math.round(clock.waits[0]!));
      clock.advance(clock.waits[0]!);
    }
    expect(pauses).toEqual([250, 500, 1000]);
  });
});
