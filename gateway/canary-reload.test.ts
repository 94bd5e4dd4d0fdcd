// A Secret that is malformed, in every way that we can think of, is told without what is in it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Loader } from '#core/resources/load';
import { formatProblem } from '#core/resources/problem';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';

const SECRET = 'canary-key-0123456789';
const BASE = [backendsYaml([{ name: 'a', port: 9, key: 'first-key' }]), routeYaml('m', ['a'])].join('\n---\n');

const secret = (data: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n${data}\n`;
const withKey = (key: string) => BASE.replace('{apiKey: "first-key"}', () => `{apiKey: ${key}}`);

const MALFORMED: readonly (readonly [title: string, yaml: string])[] = [
  ['a quote that does not end', secret(`stringData: {apiKey: "${SECRET}}`)],
  ['a quote in the middle', secret(`stringData: {apiKey: '${SECRET}' '${SECRET}'}`)],
  ['bad indentation', secret(`stringData:\n  apiKey: x\n ${SECRET}: y`)],
  ['a tab', secret(`stringData:\n\tapiKey: ${SECRET}`)],
  ['a colon too many', secret(`stringData:\n  apiKey: ${SECRET}: x`)],
  ['a key twice', secret(`stringData: {apiKey: ${SECRET}, apiKey: ${SECRET}}`)],
  ['a list', secret(`stringData: [${SECRET}]`)],
  ['a text', secret(`stringData: ${SECRET}`)],
  ['an object as value', secret(`stringData: {apiKey: {value: ${SECRET}}}`)],
  ['a number as value', secret('stringData: {apiKey: 98765432109876}')],
  ['no base64', secret(`data: {apiKey: "${SECRET}!"}`)],
  ['base64 of odd length', secret(`data: {apiKey: ${SECRET}}`)],
  ['an unknown member', secret(`stringdata: {apiKey: ${SECRET}}`)],
  ['a bad name of an entry', secret(`stringData: {"api key": ${SECRET}}`)],
  ['a variable that is not set', secret(`stringData: {apiKey: "${SECRET}\${NOT_SET_ANYWHERE}"}`)],
  ['an unknown kind', secret(`stringData: {apiKey: ${SECRET}}`).replace('kind: Secret', 'kind: Secrets')],
  ['an unknown version', secret(`stringData: {apiKey: ${SECRET}}`).replace('apiVersion: v1', 'apiVersion: v2')],
  ['no kind', secret(`stringData: {apiKey: ${SECRET}}`).replace('kind: Secret\n', '')],
  ['a document that ends in the middle', secret(`stringData: {apiKey: "${SECRET}", `)],
  ['JSON that breaks off', `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"other"},"stringData":{"apiKey":"${SECRET}`],
];

/** A key that begins with a character of YAML's own and stands there without quotes. */
const UNQUOTED: typeof MALFORMED = [
  ['an asterisk', secret(`stringData: {apiKey: *${SECRET}}`)],
  ['an exclamation mark', secret(`stringData: {apiKey: !${SECRET}}`)],
];

const UNUSABLE: readonly (readonly [title: string, key: string])[] = [
  ['a line break in the key', JSON.stringify(`${SECRET}\nX-Evil: 1`)],
  ['a space in the key', JSON.stringify(`${SECRET} ${SECRET}`)],
  ['letters that no header has', JSON.stringify(`${SECRET}ü`)],
  ['a key that is empty', '""'],
  ['another entry', `x, wrong: ${SECRET}`],
];

/** What belongs to nobody but the owner of the key. */
const KEYS = new RegExp(`canary-key|98765432109876|${Buffer.from('canary-key').toString('base64').slice(0, 12)}`);

let folder: string;
let gateway: TestGateway;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-canary-'));
  writeFileSync(join(folder, 'a.yaml'), BASE);
  gateway = await startGateway({ paths: [folder] });
});

afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

/** Reloads with this text. @returns what the operator is told of it */
async function told(yaml: string): Promise<string> {
  const before = gateway.log.length;
  writeFileSync(join(folder, 'a.yaml'), yaml);
  expect(await gateway.tier.reload('test')).toBe(false);
  const lines = gateway.log.slice(before).join('\n');
  const pages = await Promise.all(['/config', '/metrics'].map(async (page) => (await fetch(gateway.adminUrl + page)).text()));
  expect(lines).toContain('the old one stays in service');
  return [lines, ...pages].join('\n');
}

describe('a reload', () => {
  test.each(MALFORMED)('with %s in a Secret is refused, and its value is not told', async (_, yaml) => {
    expect(await told(`${BASE}\n---\n${yaml}`)).not.toMatch(KEYS);
    // The same as `tierkit check` prints.
    const { problems } = new Loader().load({ paths: [], env: {}, texts: [{ file: 'f', text: yaml }] });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(formatProblem).join('\n')).not.toMatch(KEYS);
  });

  // The messages of the YAML reader quote the name of an alias and of a tag: here that is the key.
  test.each(UNQUOTED)('with %s before a key is refused, and the key is not told', async (_, yaml) => {
    expect(await told(`${BASE}\n---\n${yaml}`)).not.toMatch(KEYS);
  });

  test.each(UNUSABLE)('with %s is refused, and the key is not told', async (title, key) => {
    const yaml = title === 'another entry' ? BASE.replace('{apiKey: "first-key"}', `{wrong: ${SECRET}}`) : withKey(key);
    expect(await told(yaml)).not.toMatch(KEYS);
  });

  test('with a good key again is taken, and the key is told nowhere', async () => {
    writeFileSync(join(folder, 'a.yaml'), withKey(SECRET));
    await gateway.tier.reload('test');
    const page = await (await fetch(`${gateway.adminUrl}/config`)).text();
    expect(page).toContain('"credential":"[redacted]"');
    expect(page).not.toMatch(KEYS);
    expect(gateway.log.at(-1) ?? '').not.toMatch(KEYS);
  });
});
