import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { EXAMPLE, findConfiguration } from './configuration.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-configuration-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the bundled example is the default', () => {
  expect(findConfiguration()).toEqual({ tierOne: join(EXAMPLE, 'tier-one.yaml'), tierTwo: join(EXAMPLE, 'tier-two.yaml') });
});

test('each tier has a folder or a file', () => {
  mkdirSync(join(folder, 'tier-one'));
  writeFileSync(join(folder, 'tier-two.yml'), '');
  expect(findConfiguration(folder)).toEqual({ tierOne: join(folder, 'tier-one'), tierTwo: join(folder, 'tier-two.yml') });
});

test('what is missing or there twice is said', () => {
  expect(() => findConfiguration(join(folder, 'gone'))).toThrow('gone does not exist; the resources of the tiers are');
  writeFileSync(join(folder, 'tier-one.yaml'), '');
  expect(() => findConfiguration(folder)).toThrow('has neither tier-two nor tier-two.yaml nor tier-two.yml; ');
  mkdirSync(join(folder, 'tier-one'));
  expect(() => findConfiguration(folder)).toThrow('has tier-one and tier-one.yaml: keep one of them');
});
