import { expect, it } from 'vitest';

import { tierkit } from './command.fixture.ts';

it.each([
  [['--feedback-url', 'phoenix:6006'], '--feedback-url must begin with http:// or https://'],
  [['--feedback-urls', 'http://phoenix:6006'], 'did you mean "feedback-url"'],
  [['--feedback-key', 'nowhere'], '--feedback-key is for --feedback-url, which is not there'],
])('tierkit run %j stops the start', async (options, message) => {
  const { code, stderr } = await tierkit(['run', 'nowhere.yaml', ...options]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
