import { expect, test } from 'vitest';

import { textBytes } from './embedded.ts';

const body = (content: unknown): Buffer => Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
const image = (bytes: number): string => Buffer.alloc(bytes, 'an image').toString('base64');

test('text counts in full', () => {
  const text = body('what is base64? '.repeat(500));
  expect(textBytes(text)).toBe(text.length);
});

test('an image by data URL counts as one part, whatever its size', () => {
  const sizes = [10_000, 1_000_000].map((bytes) =>
    textBytes(body([{ type: 'image_url', image_url: { url: `data:image/png;base64,${image(bytes)}` } }])),
  );
  expect(sizes[1]).toBe(sizes[0]);
  expect(sizes[0]).toBeLessThan(5000);
});

test('so do images of the messages API, in either order of their members', () => {
  for (const source of [
    { type: 'base64', media_type: 'image/png', data: image(100_000) },
    { type: 'base64', data: image(100_000), media_type: 'image/png' },
  ]) {
    expect(textBytes(body([{ type: 'image', source }]))).toBeLessThan(5000);
  }
});

test('each image counts', () => {
  const part = { type: 'image_url', image_url: { url: `data:image/png;base64,${image(50_000)}` } };
  const [one, three] = [[part], [part, part, part]].map((parts) => textBytes(body(parts)));
  expect(three! - one!).toBeGreaterThan(8000);
  expect(three! - one!).toBeLessThan(9000);
});

test('text behind the word does not hide', () => {
  const text = body(`data:text/plain;base64,${'a prompt that is long and has spaces '.repeat(200)}`);
  expect(textBytes(text)).toBe(text.length);
});

test('a body that ends inside a run is read to its end, and no further', () => {
  const whole = body([{ image_url: `data:image/png;base64,${image(5000)}` }]);
  for (const length of [1100, 3000, 6000]) expect(textBytes(whole.subarray(0, length))).toBe(length);
});
