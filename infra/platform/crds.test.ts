import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { kindsOf, readCrds } from './crds.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-crds-'));
const crd = (plural: string, version: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${plural}.example.com}
spec: {group: example.com, names: {kind: Widget, plural: ${plural}}, versions: [{name: ${version}}]}
status: {conditions: []}
`;
const server = createServer((request, response) => {
  response.statusCode = request.url === '/install.yaml' ? 200 : 404;
  response.end(crd('widgets', 'v2'));
});
let url: string;

beforeAll(async () => {
  mkdirSync(join(folder, 'crds/deep'), { recursive: true });
  writeFileSync(
    join(folder, 'crds/deep/a.yaml'),
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n${crd('widgets', 'v1')}---\n${crd('others', 'v1')}`,
  );
  writeFileSync(join(folder, 'crds/notes.txt'), 'no yaml: [');
  writeFileSync(join(folder, 'namespace.yaml'), 'kind: Namespace');
  writeFileSync(join(folder, 'broken.yaml'), 'a: [');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test('CRDs come from folders and URLs, the later ones count, and nothing else comes with them', async () => {
  const crds = await readCrds(['crds', `${url}/install.yaml`], folder);
  expect(crds.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'CustomResourceDefinition widgets.example.com',
    'CustomResourceDefinition others.example.com',
  ]);
  expect([...kindsOf(crds)]).toEqual(['example.com/v2/Widget', 'example.com/v1/Widget']);
  expect(crds[0]).not.toHaveProperty('status');
  expect(await readCrds([], folder)).toEqual([]);
});

test('a place without CRDs is named, with the reason', async () => {
  expect(await told('none')).toBe('crds: none cannot be read (ENOENT)');
  expect(await told('namespace.yaml')).toBe('crds: namespace.yaml has no CustomResourceDefinition in it');
  expect(await told('broken.yaml')).toMatch(/^crds: broken\.yaml is no YAML: /);
  expect(await told(`${url}/other`)).toBe(`crds: ${url}/other answers 404`);
  expect(await told('http://127.0.0.1:9/x')).toMatch(/^crds: http:\/\/127\.0\.0\.1:9\/x cannot be fetched: /);
});

function told(place: string): Promise<string> {
  return readCrds([place], folder).then(String, (error: Error) => error.message);
}
