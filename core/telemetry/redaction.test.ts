import { describe, expect, it } from 'vitest';

import { HIDE, HIDE_ALL, redaction, safeText } from './redaction.ts';

describe('the switches', () => {
  it('hide inputs and outputs where nobody says otherwise', () => {
    expect(HIDE.filter((name) => HIDE_ALL.hides[name])).toEqual(['HIDE_INPUTS', 'HIDE_OUTPUTS']);
  });

  it.each(HIDE)('%s is read, and what is neither true nor false hides', (name) => {
    const of = (value: string) => redaction({ [`OPENINFERENCE_${name}`]: value }, () => undefined).hides[name];
    expect([of('true'), of(' TRUE '), of('false'), of('maybe')]).toEqual([true, true, false, true]);
  });

  it('take the old name of the vectors', () => {
    expect(
      redaction({ OPENINFERENCE_HIDE_EMBEDDING_VECTORS: 'true' }, (problem) => expect.fail(problem)).hides.HIDE_EMBEDDINGS_VECTORS,
    ).toBe(true);
  });
});

describe('a message', () => {
  it.each([
    'Incorrect API key provided: sk-proj-abcDEF123456_-x',
    'sk-ant-api03-abcdefgh',
    'AIzaSyA-1234567890abcdefghijk',
    'AKIAIOSFODNN7EXAMPLE',
    'token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_123',
    'Authorization: Bearer abcdef123456',
    'api_key="hunter2hunter2"',
    'password: tr0ub4dor',
    'connect to redis://user:s3cret@host:6379 failed',
    'ghp_1234567890abcdef',
  ])('%s has no credential', (text) => {
    const shown = safeText(text);
    expect(shown).toContain('__REDACTED__');
    expect(shown).not.toMatch(/abcDEF|api03-abc|SyA-123|FODNN7|sdWIiOiIx|abcdef123456|hunter2|tr0ub|s3cret|1234567890abc/);
  });

  it.each(['the backend answered 500', 'no route serves the model "gpt-4o"', 'a risk-based answer, task-oriented', 'basic words'])(
    '%s stays',
    (text) => {
      expect(safeText(text)).toBe(text);
    },
  );

  it('is no longer than a message, and no key is cut into what is told', () => {
    const text = `${'x '.repeat(495)}sk-canary-${'a'.repeat(200)}`;
    const shown = safeText(text);
    expect(shown.length).toBeLessThanOrEqual(1000);
    expect(shown).not.toContain('sk-canary');
  });
});
