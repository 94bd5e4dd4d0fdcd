import { expect, test } from 'vitest';

import { isToolError } from './tool-error.ts';

test.each([
  ['{"isError":true}', true],
  ['{"content":[{"type":"text","text":"x"}],"isError" : \n true }', true],
  ['{"isError":false}', false],
  ['{"isError":1}', false],
  ['{"isError":"true"}', false],
  ['{}', false],
  ['{"structuredContent":{"isError":true}}', false],
  ['{"structuredContent":{"isError":true},"isError":false}', false],
  ['{"structuredContent":{"isError":false},"isError":true}', true],
  ['{"content":[{"type":"text","text":"{\\"isError\\":true}"}]}', false],
  ['{"content":["isError",true]}', false],
  ['{"content":["isError"]}', false],
])('%s: %s', (result, expected) => {
  expect(isToolError(Buffer.from(result))).toBe(expected);
});
