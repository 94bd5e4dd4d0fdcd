import { expect, test } from 'vitest';

import { NoPart, readParts } from './parts.ts';

test.each([
  ['', undefined],
  ['jaeger', ['jaeger']],
  ['phoenix, prometheus', ['phoenix', 'prometheus']],
  ['phoenix,phoenix', ['phoenix']],
])('"%s" is %j', (text, parts) => expect(readParts(text)).toEqual(parts));

test.each([
  ['promtheus', 'there is no part "promtheus"; did you mean "prometheus"? (parts: prometheus, phoenix, jaeger)'],
  ['phoenix,grafana', 'there is no part "grafana" (parts: prometheus, phoenix, jaeger)'],
  ['phoenix,', 'there is no part "" (parts: prometheus, phoenix, jaeger)'],
  ['toString', 'there is no part "toString" (parts: prometheus, phoenix, jaeger)'],
])('"%s" is refused', (text, why) => expect(() => readParts(text)).toThrow(new NoPart(why)));
