import { spawnSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FLAVOURS } from './flavours.fixture.ts';
import { namespaceLabels } from './labels.ts';
import type { Manifest } from './part.ts';
import { platform } from './platform.ts';

const KUBECONFIG = process.env['TIERKIT_TEST_KUBECONFIG'];
const MISSING =
  'name the kubeconfig of a cluster that may be changed, with the CRDs of the platform, and have kubectl: TIERKIT_TEST_KUBECONFIG';
if (KUBECONFIG === undefined) process.stderr.write(`skipped: manifests against a real API server; ${MISSING}\n`);

const NAMESPACE = `tierkit-charts-${process.pid}`;
/** Of operators that the cluster need not have. */
const OPTIONAL: ReadonlySet<string> = new Set(['Certificate', 'ExternalSecret', 'LocalModelCache', 'ScaledObject']);

function kubectl(args: readonly string[], objects: readonly object[]) {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { status, stdout, stderr, error } = spawnSync('kubectl', ['--kubeconfig', KUBECONFIG!, ...args, '-f', '-'], {
    input,
    encoding: 'utf8',
  });
  if (error !== undefined) throw new Error(MISSING, { cause: error });
  return { status, stderr, lines: stdout.trim().split('\n').filter(Boolean) };
}

/** A dry run needs a namespace that is there: all objects are as if they were in one, where Pod Security warns of every pod. */
function moved(manifest: Manifest, index: number): Manifest {
  const { namespace, name, ...metadata } = manifest.metadata;
  const isNamespace = manifest.kind === 'Namespace';
  // Names of two namespaces may be the same.
  return {
    ...manifest,
    metadata: {
      ...metadata,
      name: isNamespace ? `${name}-${process.pid}` : namespace === undefined ? name : `x${index}-${name}`.slice(0, 63),
      ...(namespace === undefined ? {} : { namespace: NAMESPACE }),
    },
  };
}

describe.skipIf(KUBECONFIG === undefined && process.env['REQUIRE_REAL'] !== '1')('a real API server', () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: namespaceLabels('latest') } };

  beforeAll(() => {
    if (KUBECONFIG === undefined) throw new Error(`REQUIRE_REAL is set: ${MISSING}`);
    const { status, stderr } = kubectl(['create'], [namespace]);
    if (status !== 0) throw new Error(stderr);
  }, 60_000);
  afterAll(() => {
    if (KUBECONFIG !== undefined) kubectl(['delete', '--wait=false'], [namespace]);
  }, 60_000);

  it.each(Object.entries(FLAVOURS))('takes every object of %s, and no pod is against Pod Security', { timeout: 120_000 }, (_, settings) => {
    const objects = platform(settings)
      .flatMap(({ manifests, late }) => [...manifests, ...late.map(({ manifest }) => manifest('192.0.2.1'))])
      .filter(({ kind }) => !OPTIONAL.has(kind))
      .map(moved);
    const { status, stderr, lines } = kubectl(['apply', '--server-side', '--dry-run=server', '--validate=strict'], objects);
    expect(stderr).toBe('');
    expect({ status, taken: lines.length }).toEqual({ status: 0, taken: objects.length });
  });

  it('says what is wrong with others', { timeout: 60_000 }, () => {
    const deployment = platform(FLAVOURS['dev']!)
      .flatMap(({ manifests }) => manifests)
      .find(({ kind }) => kind === 'Deployment')!;
    const { spec } = (deployment['spec'] as { template: { spec: object } }).template;
    const template = { ...(deployment['spec'] as { template: object }).template, spec: { ...spec, hostNetwork: true } };
    const { stderr } = kubectl(
      ['apply', '--server-side', '--dry-run=server'],
      [moved({ ...deployment, spec: { ...(deployment['spec'] as object), template } }, 0)],
    );
    expect(stderr).toContain('would violate PodSecurity');
  });
});
