import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { feedbackSettings, InvalidFeedbackSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'feedback-'));
afterAll(() => rmSync(folder, { recursive: true }));

const URL_ONLY = { url: 'http://phoenix:6006', keyFile: undefined };
const NONE = { url: undefined, keyFile: undefined };

const refusal = (settings: () => unknown): string => {
  try {
    settings();
  } catch (error) {
    if (error instanceof InvalidFeedbackSettings) return error.message;
    throw error;
  }
  throw new Error('it was taken');
};

it('is off unless a URL is given; the option goes before the environment', () => {
  expect(feedbackSettings(NONE, {})).toBeUndefined();
  expect(feedbackSettings(NONE, { TIERKIT_FEEDBACK_URL: '' })).toBeUndefined();
  expect(feedbackSettings(NONE, { TIERKIT_FEEDBACK_URL: 'https://a/phoenix' })?.url.href).toBe('https://a/phoenix');
  expect(feedbackSettings(URL_ONLY, { TIERKIT_FEEDBACK_URL: 'http://other' })?.url.host).toBe('phoenix:6006');
});

it.each([
  ['phoenix', 'must be the URL of Phoenix, such as http://phoenix:6006'],
  ['phoenix:6006', 'must begin with http:// or https://'],
  ['http://me:canary@phoenix', 'must have no credential in it'],
  ['http://phoenix/?key=canary', 'must end with its path'],
])('refuses %s and does not repeat what may be secret', (url, message) => {
  const told = refusal(() => feedbackSettings({ ...URL_ONLY, url }, {}));
  expect(told).toContain(`--feedback-url ${message}`);
  expect(told).not.toContain('canary');
  expect(refusal(() => feedbackSettings(NONE, { TIERKIT_FEEDBACK_URL: url }))).toContain('TIERKIT_FEEDBACK_URL must');
});

describe('the API key', () => {
  it('is of the environment, or of a file that is read again each time', async () => {
    expect(await feedbackSettings(URL_ONLY, {})!.key()).toBeUndefined();
    expect(await feedbackSettings(URL_ONLY, { PHOENIX_API_KEY: ' k1 ' })!.key()).toBe('k1');
    const keyFile = join(folder, 'key');
    writeFileSync(keyFile, 'first\n');
    const { key } = feedbackSettings({ ...URL_ONLY, keyFile }, { PHOENIX_API_KEY: 'k1' })!;
    expect(await key()).toBe('first');
    writeFileSync(keyFile, 'second\n');
    expect(await key()).toBe('second');
  });

  it('stops the start where it cannot be meant, and is not shown', () => {
    const bad = join(folder, 'bad');
    writeFileSync(bad, 'canary key');
    const empty = join(folder, 'empty');
    writeFileSync(empty, '\n');
    const told = [
      refusal(() => feedbackSettings({ ...URL_ONLY, keyFile: bad }, {})),
      refusal(() => feedbackSettings(URL_ONLY, { PHOENIX_API_KEY: 'canary\nkey' })),
      refusal(() => feedbackSettings({ ...URL_ONLY, keyFile: empty }, {})),
      refusal(() => feedbackSettings({ ...URL_ONLY, keyFile: join(folder, 'none') }, {})),
      refusal(() => feedbackSettings({ url: undefined, keyFile: empty }, {})),
    ];
    expect(told.map((line) => line.replaceAll(folder, ''))).toEqual([
      '--feedback-key /bad is no API key: it has characters that a header cannot have',
      'PHOENIX_API_KEY is no API key: it has characters that a header cannot have',
      '--feedback-key /empty is empty',
      expect.stringContaining('--feedback-key /none cannot be read: ENOENT') as string,
      '--feedback-key is for --feedback-url, which is not there',
    ]);
  });
});

const project = (env: Record<string, string>) => feedbackSettings(URL_ONLY, env)!.project;

it('knows the project as Phoenix does: by the header of the exports, then by the resource', () => {
  expect(project({})).toBe('default');
  const attributes = { OTEL_RESOURCE_ATTRIBUTES: 'a=b, openinference.project.name=my%20shop,c=d' };
  expect(project(attributes)).toBe('my shop');
  expect(project({ ...attributes, OTEL_EXPORTER_OTLP_HEADERS: 'X-Project-Name=front' })).toBe('front');
  expect(project({ OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-project-name=own', OTEL_EXPORTER_OTLP_HEADERS: 'x-project-name=front' })).toBe(
    'own',
  );
  expect(project({ OTEL_RESOURCE_ATTRIBUTES: 'openinference.project.name=100%' })).toBe('100%');
});
