import { expect, test } from 'vitest';

import { signingKey, signText, verificationKeys, verifyText } from '#core/tiers/jws';

import { completed, type Generated, namesMissing, parseGenerated, privatePem, publicKeys } from './generated.ts';
import { renewed, rotated, SETTLED_AFTER_MS, settlesIn } from './rotation.ts';

const NEEDED = { pairs: new Set(['tier-one']), texts: new Set(['redis']) };
const first = completed({ pairs: {}, texts: {} }, NEEDED, 1000);
const ring = ({ pairs }: Generated) => pairs['tier-one']!;
const signed = (generated: Generated) => signText('t', { ok: true }, signingKey(ring(generated).signs, privatePem(ring(generated))));
const knows = (generated: Generated, text: string) => {
  try {
    return verifyText('t', text, verificationKeys(publicKeys([ring(generated)])))['ok'];
  } catch {
    return false;
  }
};

test('what is there stays as it is; what is missing is made', () => {
  expect(namesMissing(first, { pairs: new Set(['tier-one', 'tier-two']), texts: new Set(['redis', 'client-a']) })).toEqual([
    'client-a',
    'tier-two',
  ]);
  const more = completed(first, { pairs: new Set(['tier-two']), texts: new Set(['client-a']) }, 2000);
  expect(more.pairs['tier-one']).toBe(first.pairs['tier-one']);
  expect(more.texts['redis']).toBe(first.texts['redis']);
  expect(more.texts['client-a']).toMatch(/^[A-Za-z0-9]{40}$/);
  expect(more.texts['client-a']).not.toBe(more.texts['redis']);
  expect(parseGenerated(JSON.stringify(more))).toEqual(more);
  expect(() => parseGenerated('{"pairs":"sk-secret')).toThrow(/^generated of the stack's configuration is not what/);
});

test('the id of the key that signs is before its PEM, where no reader of keys minds it', () => {
  expect(privatePem(ring(first))).toMatch(/^kid: tier-one\n-----BEGIN PRIVATE KEY-----\n/);
});

test('in every step of a rotation, pods of the step before and of this one understand each other', () => {
  const announced = rotated(first, 'tier-one', 2000);
  const signing = rotated(announced.generated, 'tier-one', 3000);
  const done = rotated(signing.generated, 'tier-one', 4000);
  expect([announced, signing, done].map(({ step, kid }) => `${step} ${kid}`)).toEqual([
    'announced tier-one-2',
    'signing tier-one-2',
    'done tier-one-2',
  ]);
  const steps = [first, announced.generated, signing.generated, done.generated];
  for (const [index, step] of steps.entries())
    for (const other of steps.slice(Math.max(0, index - 1), index + 2)) expect(knows(other, signed(step))).toBe(true);
  expect(knows(done.generated, signed(first))).toBe(false);
  expect(rotated(done.generated, 'tier-one', 5000).kid).toBe('tier-one-3');
});

test('a step waits until pods have read the one before it', () => {
  const announced = rotated(first, 'tier-one', 2000).generated;
  expect(settlesIn(first, 'tier-one', 1001)).toBe(0);
  expect(settlesIn(announced, 'tier-one', 2001)).toBe(SETTLED_AFTER_MS - 1);
  expect(settlesIn(announced, 'tier-one', 2000 + SETTLED_AFTER_MS)).toBe(0);
});

test('a text is renewed; what is not there is named', () => {
  expect(renewed(first, 'redis').texts['redis']).not.toBe(first.texts['redis']);
  expect(() => renewed(first, 'constructor')).toThrow('there is no generated text "constructor"; there are: redis');
  expect(() => rotated(first, 'tier-two', 0)).toThrow('there is no key pair "tier-two"; there are: tier-one');
});
