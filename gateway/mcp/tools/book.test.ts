import { expect, test } from 'vitest';

import { ToolBook } from './book.ts';

test('a reading during which the server says that its tools have changed is not the last one', async () => {
  const book = new ToolBook({ server: 'one', lock: undefined, checksArguments: true, freshMs: 60_000, warn: () => undefined });
  const listed = Promise.withResolvers<ReadonlySet<string>>();
  const first = book.fresh(() => listed.promise);
  book.outdated();
  listed.resolve(new Set());
  await first;
  let readings = 0;
  const read = async (): Promise<ReadonlySet<string>> => (readings++, new Set());
  await book.fresh(read);
  expect(readings).toBe(1);
  expect(book.fresh(read)).toBeUndefined();
});
