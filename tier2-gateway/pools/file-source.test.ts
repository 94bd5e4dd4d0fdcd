import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { PoolEndpoint } from './endpoint.ts';
import { parseEndpointsFile } from './endpoints-file.ts';
import { FileSource } from './file-source.ts';

const parse = (text: string) => parseEndpointsFile('f.yaml', text, [8000, 8001]);

const list = (...addresses: string[]) => JSON.stringify({ endpoints: addresses.map((address) => ({ address })) });
const replace = (file: string, text: string) => {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
};

describe('the file', () => {
  it('is read as YAML, with all fields', () => {
    const text = `
# two pods
endpoints:
- name: vllm-0
  namespace: models
  address: 10.0.0.1
  port: "8000"
  labels: {llm-d.ai/engine-type: vllm}
  startedAt: 2026-11-25T08:00:00Z
- address: fd00::2
  ready: false
  terminating: true
`;
    expect(parse(text)).toEqual([
      {
        id: '10.0.0.1:8000',
        pod: 'vllm-0',
        address: '10.0.0.1',
        port: 8000,
        labels: { 'llm-d.ai/engine-type': 'vllm' },
        ready: true,
        terminating: false,
        startedAt: Date.UTC(2026, 10, 25, 8),
      },
      { id: '[fd00::2]:8000', pod: '[fd00::2]:8000', address: 'fd00::2', port: 8000, labels: {}, ready: false, terminating: true },
      { id: '[fd00::2]:8001', pod: '[fd00::2]:8001', address: 'fd00::2', port: 8001, labels: {}, ready: false, terminating: true },
    ]);
  });

  it('is read as JSON', () => {
    expect(parse('{"endpoints": [{"address": "10.0.0.1", "port": 9}]}').map(({ id }) => id)).toEqual(['10.0.0.1:9']);
  });

  it.each([
    ['an empty file', '', /f\.yaml: expected a document, but the input is empty/],
    ['no list', 'endpoint: []', /f\.yaml: endpoint: unknown field; did you mean "endpoints"\?/],
    ['a bare list', '- address: 10.0.0.1', /is no object with a list/],
    ['bad YAML', 'endpoints:\n- [', /f\.yaml:2: unexpected end/],
    ['a field twice', 'endpoints: []\nendpoints: []', /f\.yaml:2: duplicated mapping key/],
    ['a host name', 'endpoints: [{address: localhost}]', /endpoints\[0\]\.address: "localhost" is no IP address/],
    ['a port too high', 'endpoints: [{address: 10.0.0.1, port: "70000"}]', /endpoints\[0\]\.port: 70000 is no port/],
    ['a time that is none', 'endpoints: [{address: 10.0.0.1, startedAt: today}]', /endpoints\[0\]\.startedAt: "today" is no time/],
    [
      'an address twice',
      'endpoints: [{address: 10.0.0.1, port: 1}, {address: 10.0.0.1, port: 1}]',
      /endpoints\[1\]: 10\.0\.0\.1:1 stands here twice/,
    ],
    ['a slip', 'endpoints: [{address: 10.0.0.1, redy: false}]', /endpoints\[0\]\.redy: unknown field; did you mean "ready"\?/],
  ])('refuses %s', (_name, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('the source', () => {
  let folder: string;
  let source: FileSource | undefined;
  let seen: string[][];
  let problems: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'endpoints-'));
    seen = [];
    problems = [];
  });
  afterEach(() => {
    source?.stop();
    source = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const begin = (file: string, pollMs?: number) => {
    source = new FileSource(file, [8000], (problem) => problems.push(problem), pollMs);
    source.start((endpoints: readonly PoolEndpoint[]) => seen.push(endpoints.map(({ address }) => address)));
  };

  it('follows a file that is replaced, and keeps the last list while it is broken or gone', async () => {
    const file = join(folder, 'pods.yaml');
    writeFileSync(file, list('10.0.0.1'));
    begin(file, 60_000);
    expect(seen).toEqual([['10.0.0.1']]);
    replace(file, list('10.0.0.1', '10.0.0.2'));
    await vi.waitFor(() => expect(seen).toEqual([['10.0.0.1'], ['10.0.0.1', '10.0.0.2']]), 5000);
    replace(file, 'endpoints: [{addres: 10.0.0.9}]');
    await vi.waitFor(() => expect(problems.join()).toContain('did you mean "address"?'), 5000);
    unlinkSync(file);
    await vi.waitFor(() => expect(problems.join()).toContain('ENOENT'), 5000);
    expect(seen).toHaveLength(2);
    replace(file, list());
    await vi.waitFor(() => expect(seen.at(-1)).toEqual([]), 5000);
    expect(problems).toHaveLength(2);
  });

  it('follows the links of a mounted ConfigMap', async () => {
    for (const [name, address] of [
      ['..1', '10.0.0.1'],
      ['..2', '10.0.0.2'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'pods.yaml'), list(address));
    }
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/pods.yaml', join(folder, 'pods.yaml'));
    begin(join(folder, 'pods.yaml'), 60_000);
    symlinkSync('..2', join(folder, '..tmp'));
    renameSync(join(folder, '..tmp'), join(folder, '..data'));
    await vi.waitFor(() => expect(seen).toEqual([['10.0.0.1'], ['10.0.0.2']]), 5000);
  });

  it('finds a file in a folder that comes later, and one that comes back', async () => {
    const file = join(folder, 'later', 'pods.yaml');
    begin(file, 20);
    expect(problems).toEqual([expect.stringContaining('ENOENT')]);
    mkdirSync(join(folder, 'later'));
    writeFileSync(file, list('10.0.0.1'));
    await vi.waitFor(() => expect(seen).toEqual([['10.0.0.1']]), 5000);
    rmSync(join(folder, 'later'), { recursive: true });
    await vi.waitFor(() => expect(problems).toHaveLength(2), 5000);
    mkdirSync(join(folder, 'later'));
    writeFileSync(file, list('10.0.0.2'));
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(['10.0.0.2']), 5000);
  });

  it('is silent after its end', async () => {
    const file = join(folder, 'pods.yaml');
    writeFileSync(file, list('10.0.0.1'));
    begin(file, 10);
    source!.stop();
    replace(file, list('10.0.0.2'));
    await new Promise((done) => setTimeout(done, 150));
    expect(seen).toEqual([['10.0.0.1']]);
  });
});
