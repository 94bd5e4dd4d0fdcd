import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakeApiServer, type Fault } from './api-server.fixture.ts';
import { LeaderElection, type LeaderElectionOptions } from './leader-election.ts';
import { LEASE, microTime } from './lease.ts';
import { ManualClock, settle, until } from './time.fixture.ts';

let server: FakeApiServer;
let running: LeaderElection[];

beforeEach(async () => {
  server = await FakeApiServer.start(LEASE);
  running = [];
});
afterEach(async () => {
  server.faults.length = 0;
  await Promise.all(running.map((each) => each.stop()));
  await server.leave();
});

interface Candidate {
  readonly election: LeaderElection;
  readonly clock: ManualClock;
  readonly log: string[];
  /** Errors that were told. */
  readonly errors: string[];
}

async function candidate(identity: string, options: Partial<LeaderElectionOptions> = {}): Promise<Candidate> {
  const clock = new ManualClock();
  const log: string[] = [];
  const errors: string[] = [];
  const election = new LeaderElection({
    client: await server.client(),
    namespace: 'a',
    name: 'lease',
    identity,
    clock,
    random: () => 0.05,
    onStart: () => log.push('start'),
    onStop: (why) => log.push(why.replace('leading of a/lease is over: ', 'stop: ')),
    onError: ({ message }) => errors.push(message),
    ...options,
  });
  running.push(election);
  return { election, clock, log, errors };
}

const spec = () => server.table.all(LEASE)[0]?.['spec'] as Record<string, unknown> | undefined;

/** Time between two tries, with its jitter. */
const RETRY = 2020;

const waits = ({ clock }: Candidate) => clock.waits.includes(RETRY);

/** The next try of a candidate, to its end. */
async function tick(each: Candidate): Promise<void> {
  each.clock.advance(RETRY);
  await until(() => waits(each));
}

/** A few turns for requests on this machine. */
async function pauseReal(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 8);
  });
}

async function lead(identity: string, options?: Partial<LeaderElectionOptions>): Promise<Candidate> {
  const leader = await candidate(identity, options);
  leader.election.start();
  await until(() => leader.election.leading && waits(leader));
  return leader;
}

describe('a candidate', () => {
  it('takes a lease that is not there, and renews it', async () => {
    const a = await lead('a');
    expect(spec()).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      renewTime: expect.any(String),
      leaseTransitions: 0,
    });
    const { resourceVersion } = server.table.all(LEASE)[0]!.metadata;
    for (let index = 0; index < 20; index++) await tick(a);
    expect(server.table.all(LEASE)[0]!.metadata.resourceVersion).not.toBe(resourceVersion);
    expect(a.log).toEqual(['start']);
    expect(a.election.leader).toBe('a');
  });

  it('does not take one that is renewed, whatever its times say', async () => {
    const a = await lead('a');
    const b = await candidate('b');
    b.election.start();
    for (let index = 0; index < 20; index++) {
      await tick(a);
      await tick(b);
      // As a holder whose wall clock is years behind would write it.
      const lease = server.table.all(LEASE)[0]!;
      server.table.put(LEASE, { ...lease, spec: { ...spec(), renewTime: '2001-01-01T00:00:00.000000Z' } });
    }
    expect(a.election.leading).toBe(true);
    expect(b.log).toEqual([]);
    expect(b.election.leader).toBe('a');
  });

  it('takes one over whose holder has crashed, and not before its time', async () => {
    server.table.put(LEASE, {
      metadata: { name: 'lease', namespace: 'a' },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, leaseTransitions: 4, renewTime: '2999-01-01T00:00:00.000000Z' },
    });
    const b = await candidate('b');
    b.election.start();
    await until(() => waits(b));
    for (let time = RETRY; time < 15_000; time += RETRY) await tick(b);
    expect(b.election.leading).toBe(false);
    await tick(b);
    expect(b.election.leading).toBe(true);
    expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 5 });
  });

  it('is given the lease at once by one that stops', async () => {
    const a = await lead('a');
    const b = await candidate('b');
    b.election.start();
    await until(() => waits(b));
    await a.election.stop();
    expect(a.log).toEqual(['start', 'stop: it was stopped']);
    expect(spec()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    await tick(b);
    expect(b.election.leading).toBe(true);
    expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('is one of two that reach for it in the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const pair = await Promise.all([candidate(`a${round}`), candidate(`b${round}`)]);
      for (const { election } of pair) election.start();
      await until(() => pair.every(waits));
      expect(pair.filter(({ election }) => election.leading)).toHaveLength(1);
      await Promise.all(pair.map(({ election }) => election.stop()));
      server.table.remove(LEASE, 'a', 'lease');
    }
  });
});

describe('a leader', () => {
  it('gives back a lease whose last renewal was written and its answer cut', async () => {
    const a = await candidate('a');
    a.election.start();
    await until(() => waits(a));
    server.faults.push({ verb: 'update', fault: { act: 'cut', afterBytes: 10 } });
    a.clock.advance(RETRY);
    await until(() => a.errors.length === 1);
    await a.election.stop();
    expect(spec()?.['holderIdentity']).toBe('');
  });

  it('gives up when it cannot renew, before others may take over', async () => {
    const a = await lead('a');
    server.faults.push({ verb: 'update', times: 100, fault: { act: 'status', status: 500 } });
    for (let time = RETRY; time < 10_000; time += RETRY) await tick(a);
    expect(a.election.leading).toBe(true);
    a.clock.advance(RETRY);
    expect(a.election.leading).toBe(false);
    expect(a.log).toEqual(['start', 'stop: it was not renewed for 10000 ms']);
    expect(a.errors.length).toBeGreaterThan(3);
    await settle();
    server.faults.length = 0;
    await tick(a);
    expect(a.log).toHaveLength(3);
    expect(a.election.leading).toBe(true);
  });

  it('gives up in time while a request hangs', async () => {
    const a = await lead('a');
    server.faults.push({ verb: 'get', fault: { act: 'hang' } });
    a.clock.advance(RETRY);
    await settle();
    a.clock.advance(8000);
    expect(a.log).toEqual(['start', 'stop: it was not renewed for 10000 ms']);
  });

  it('does not lead after its time, even if no timer has run yet', async () => {
    const clock = new ManualClock();
    let late = 0;
    const a = await candidate('a', { clock: { now: () => clock.now() + late, after: (ms, run) => clock.after(ms, run) } });
    a.election.start();
    await until(() => a.election.leading);
    late = 10_000;
    expect(a.election.leading).toBe(false);
    expect(a.log).toEqual(['start']);
  });

  it('stops when somebody else has the lease', async () => {
    const a = await lead('a');
    server.table.put(LEASE, { metadata: { name: 'lease', namespace: 'a' }, spec: { holderIdentity: 'thief', leaseDurationSeconds: 15 } });
    await tick(a);
    expect(a.log).toEqual(['start', 'stop: the lease is held by thief']);
    expect(a.election.leader).toBe('thief');
  });

  it('takes the lease anew when it was deleted', async () => {
    const a = await lead('a');
    server.table.remove(LEASE, 'a', 'lease');
    await tick(a);
    expect(a.election.leading || a.log.length === 2).toBe(true);
    await tick(a);
    expect(a.election.leading).toBe(true);
  });
});

it('never has two leaders at once by their own clocks, whatever fails', async () => {
  const fault = fc.constantFrom<Fault>(
    { act: 'status', status: 500 },
    { act: 'status', status: 409 },
    { act: 'cut' },
    // The write is done, and its answer lost.
    { act: 'cut', afterBytes: 0 },
  );
  const step = fc.record({
    ms: fc.constantFrom(500, RETRY, RETRY, 5000),
    faults: fc.array(fc.record({ verb: fc.constantFrom('get', 'update', 'create'), fault }), { maxLength: 3 }),
    // One process is held up, as by a busy machine.
    held: fc.constantFrom(undefined, undefined, undefined, 0, 1),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 25 }), async (steps) => {
      const pair = await Promise.all([candidate('a'), candidate('b')]);
      const behind = [0, 0];
      for (const { election } of pair) election.start();
      for (const { ms, faults, held } of steps) {
        server.faults.push(...structuredClone(faults));
        for (const [index, { clock }] of pair.entries()) {
          behind[index]! += ms;
          if (held !== index) clock.advance(behind[index]!);
          if (held !== index) behind[index] = 0;
        }
        await pauseReal();
        const leaders = pair.filter(({ election }, index) => behind[index] === 0 && election.leading);
        expect(leaders.length).toBeLessThan(2);
      }
      server.faults.length = 0;
      await Promise.all(pair.map(({ election }) => election.stop()));
      server.table.remove(LEASE, 'a', 'lease');
    }),
    { numRuns: 15 },
  );
}, 60_000);

it('refuses times with which two could lead at once, and no name', async () => {
  await expect(candidate('a', { leaseMs: 10_000, renewDeadlineMs: 10_000 })).rejects.toThrow(RangeError);
  await expect(candidate('a', { renewDeadlineMs: 2000 })).rejects.toThrow(RangeError);
  await expect(candidate('')).rejects.toThrow('identity is empty');
});

it('writes times as the server reads them', () => {
  expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe('2026-01-02T03:04:05.006000Z');
});
