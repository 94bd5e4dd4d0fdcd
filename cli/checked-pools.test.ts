import { expect, it } from 'vitest';

import { newShared } from '#core/route/compile';
import { gatewayYaml, routesOf } from '#core/route/route.fixture';
import type { Pools } from '#core/route/scope';

import { PoolsInService } from '../tier2-gateway/pick/pools-in-service.ts';
import { CHECKED_POOLS } from './checked-pools.ts';

function problemsOf(annotations: string, pools: Pools): string[] {
  const pool = `
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p, annotations: {${annotations}}}
spec: {selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}]}
`;
  const { compiled } = routesOf(gatewayYaml() + pool, newShared(undefined, pools), { inCluster: true, listenOn: () => 10_000 });
  return compiled.problems.map(({ path, message }) => `${path}: ${message}`);
}

it.each([
  ['well', 'tierkit.dev/endpoints: "10.0.0.1:8000"', ''],
  ['an address of the machine', 'tierkit.dev/endpoints: "127.0.0.1:8000"', 'is a loopback address'],
  ['the metadata service', 'tierkit.dev/endpoints: "169.254.169.254:80"', 'is a link-local address'],
  ['a file of the process', 'tierkit.dev/endpoints-file: pods.txt', 'names a file of the process'],
  ['a slip', 'tierkit.dev/endpoints-fil: pods.txt, tierkit.dev/endpoints: "10.0.0.1:8000"', 'is no annotation of a pool'],
])('a controller says of a pool what the tier says that serves it: %s', async (_name, annotations, message) => {
  const serving = new PoolsInService(() => undefined);
  const problems = problemsOf(annotations, CHECKED_POOLS);
  expect(problems).toEqual(problemsOf(annotations, serving));
  expect(problems.map((problem) => problem.includes(message))).toEqual(message === '' ? [] : [true]);
  await serving.close();
});
