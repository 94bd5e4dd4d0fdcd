import { describe, expect, it } from 'vitest';

import { caller } from './identify.fixture.ts';
import { credentialAt, describePlaces, type Place, withoutCookies, withoutParams } from './places.ts';

const header = (name: string, prefix = '', prefixRequired = false): Place => ({ in: 'header', name, prefix, prefixRequired });
const param = (name: string): Place => ({ in: 'param', name });
const cookie = (name: string): Place => ({ in: 'cookie', name });

describe('credentialAt', () => {
  it('takes the first place that has something, not the first that is named', () => {
    const places = [header('x-api-key'), param('key'), cookie('session')];
    expect(credentialAt(places, caller({ 'x-api-key': '', cookie: 'session=c' }, { query: '?key=p' }))).toBe('p');
    expect(credentialAt(places, caller({ 'x-api-key': 'h', cookie: 'session=c' }, { query: '?key=p' }))).toBe('h');
    expect(credentialAt(places, caller({ cookie: 'other=x; session=c' }))).toBe('c');
    expect(credentialAt(places, caller({}, { query: '?keys=p' }))).toBeUndefined();
  });

  it('takes a prefix off whatever its case, and refuses a value without one only when it is required', () => {
    for (const value of ['Bearer k', 'bearer k', 'BEARER  k']) {
      expect(credentialAt([header('authorization', 'Bearer ', true)], caller({ authorization: value }))).toBe('k');
    }
    expect(credentialAt([header('authorization', 'Bearer ', true)], caller({ authorization: 'Basic k' }))).toBeUndefined();
    expect(credentialAt([header('authorization', 'Bearer ', true)], caller({ authorization: 'Bearer ' }))).toBeUndefined();
    expect(credentialAt([header('authorization', 'Bearer ')], caller({ authorization: 'k' }))).toBe('k');
  });

  it('reads escapes of a parameter but leaves + alone, and survives broken ones', () => {
    expect(credentialAt([param('key')], caller({}, { query: '?k%65y=a%2Bb+c' }))).toBe('a+b+c');
    expect(credentialAt([param('key')], caller({}, { query: '?%zz=1&key=%e0%' }))).toBe('%e0%');
    expect(credentialAt([param('key')], caller({}, { query: '?key&key=2' }))).toBe('2');
    expect(credentialAt([param('key')], caller({}, { query: '?key=1&key=2' }))).toBe('1');
  });

  it('reads quoted cookies and values with = in them', () => {
    expect(credentialAt([cookie('s')], caller({ cookie: 'ss=1;s="a=b"; s=2' }))).toBe('a=b');
  });
});

describe('withoutParams and withoutCookies', () => {
  it('take away every spelling that would have been read', () => {
    expect(withoutParams('?k%65y=1&a=2&key=3&key', new Set(['key']))).toBe('?a=2');
    expect(withoutParams('?key=1', new Set(['key']))).toBe('');
    expect(withoutParams('?a=%41&b', new Set(['key']))).toBe('?a=%41&b');
    expect(withoutCookies('s=1; t="x; y" ;s=2', new Set(['s']))).toBe('t="x; y"');
    expect(withoutCookies('s=1', new Set(['s']))).toBeUndefined();
  });
});

it('describePlaces names them all', () => {
  expect(describePlaces([header('x-api-key', 'Bearer '), header('authorization', 'Bearer '), param('k'), cookie('c')])).toBe(
    'header x-api-key, header authorization (Bearer …), query parameter k or cookie c',
  );
});
