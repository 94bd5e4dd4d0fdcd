import { expect, it } from 'vitest';

import { DnsSource, type LookupAddress } from './dns-source.ts';

const settle = () => new Promise((done) => setImmediate(done));

/** A name server of answers in turn, and a clock that is moved by hand. */
function rig(...answers: (readonly string[] | Error)[]) {
  const timers: { callback: () => void; ms: number }[] = [];
  const seen: string[][] = [];
  const problems: string[] = [];
  let asked = 0;
  const source = new DnsSource('vllm.models', [8000, 8001], (problem) => problems.push(problem), {
    lookup: async (name) => {
      expect(name).toBe('vllm.models');
      const answer = answers[asked++]!;
      if (answer instanceof Error) throw answer;
      return answer.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
    setTimer: (callback, ms) => {
      const timer = { callback, ms };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
  return {
    seen,
    problems,
    timers,
    source,
    asked: () => asked,
    async start() {
      source.start((endpoints) => seen.push(endpoints.map(({ id }) => id)));
      await settle();
    },
    async next() {
      const [timer, ...others] = timers.splice(0);
      expect(others).toEqual([]);
      expect(timer?.ms).toBe(5000);
      timer!.callback();
      await settle();
    },
  };
}

const fault = (code: string) => Object.assign(new Error(`queryA ${code}`), { code });

it('has every address with every port, whatever the order of the answer', async () => {
  const r = rig(['10.0.0.2', '10.0.0.1'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.3']);
  await r.start();
  await r.next();
  expect(r.seen).toEqual([['10.0.0.1:8000', '10.0.0.1:8001', '10.0.0.2:8000', '10.0.0.2:8001']]);
  await r.next();
  expect(r.seen[1]).toEqual(['10.0.0.3:8000', '10.0.0.3:8001']);
});

it('counts a pod of a dual-stack cluster once, and takes IPv6 where there is nothing else', async () => {
  const r = rig(['fd00::1', '10.0.0.1'], ['fd00::1']);
  await r.start();
  await r.next();
  expect(r.seen).toEqual([
    ['10.0.0.1:8000', '10.0.0.1:8001'],
    ['[fd00::1]:8000', '[fd00::1]:8001'],
  ]);
});

it('keeps what it has when the name server fails, and says so once', async () => {
  const r = rig(['10.0.0.1'], fault('EAI_AGAIN'), fault('ESERVFAIL'), ['10.0.0.1'], fault('EAI_AGAIN'));
  await r.start();
  for (let round = 0; round < 4; round++) await r.next();
  expect(r.seen).toHaveLength(1);
  expect(r.problems).toEqual(['vllm.models does not resolve: queryA EAI_AGAIN', 'vllm.models does not resolve: queryA EAI_AGAIN']);
});

it('believes in an empty pool the second time', async () => {
  const r = rig(['10.0.0.1'], fault('ENOTFOUND'), ['10.0.0.1'], [], fault('ENODATA'), ['10.0.0.1']);
  await r.start();
  for (let round = 0; round < 3; round++) await r.next();
  expect(r.seen).toHaveLength(1);
  await r.next();
  expect(r.seen).toEqual([['10.0.0.1:8000', '10.0.0.1:8001'], []]);
  await r.next();
  expect(r.seen).toHaveLength(3);
  expect(r.problems).toEqual([]);
});

it('begins with an empty pool when that is what there is', async () => {
  const r = rig(fault('ENOTFOUND'));
  await r.start();
  expect(r.seen).toEqual([[]]);
});

it('stops, in the middle of a question too', async () => {
  const r = rig(['10.0.0.1'], ['10.0.0.2']);
  await r.start();
  r.timers.splice(0)[0]!.callback();
  r.source.stop();
  await settle();
  expect(r.asked()).toBe(2);
  expect(r.seen).toHaveLength(1);
  expect(r.timers).toEqual([]);
});

it('resolves a name of the system by default', async () => {
  const seen: string[][] = [];
  const source = new DnsSource('localhost', [8000], () => undefined);
  await new Promise<void>((done) =>
    source.start((endpoints) => {
      seen.push(endpoints.map(({ id }) => id));
      done();
    }),
  );
  source.stop();
  expect(['127.0.0.1:8000', '[::1]:8000']).toContain(seen[0]![0]);
});

it('has no address of this machine where that is not permitted, and says so once', async () => {
  const seen: string[][] = [];
  const problems: string[] = [];
  const rounds: (() => void)[] = [];
  const source = new DnsSource('sly.test', [80], (problem) => problems.push(problem), {
    lookup: () =>
      Promise.resolve([
        { address: '169.254.169.254', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ]),
    allowLocalAddresses: false,
    setTimer: (callback) => {
      rounds.push(callback);
      return () => undefined;
    },
  });
  source.start((endpoints) => seen.push(endpoints.map(({ id }) => id)));
  await settle();
  rounds[0]!();
  await settle();
  expect(seen).toEqual([['10.0.0.1:80']]);
  expect(problems).toEqual(['sly.test leads to 169.254.169.254, a link-local address: not called']);
  source.stop();
});
