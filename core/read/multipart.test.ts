import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { boundaryOf, FieldFinder, MultipartError } from './multipart.ts';

interface Found {
  readonly value?: string;
  readonly ended?: boolean;
  readonly error?: string;
}

/** What a finder makes of a body that comes in these chunks. */
function find(chunks: readonly Buffer[], boundary = 'b'): Found {
  const finder = new FieldFinder('model', boundary);
  const body = Buffer.concat(chunks);
  try {
    for (const chunk of chunks) finder.push(chunk);
  } catch (error) {
    if (!(error instanceof MultipartError)) throw error;
    return { error: error.message };
  }
  const { found, ended } = finder;
  if (found === undefined) return { ended };
  expect(body.subarray(found.start, found.end).toString()).toBe(found.value);
  return { value: found.value, ended };
}

function split(body: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...[...new Set(cuts.map((cut) => cut % (body.length + 1)))].sort((a, b) => a - b), body.length];
  return places.slice(1).map((place, index) => body.subarray(places[index], place));
}

/** Every split into two, and one byte at a time, gives what the whole gives. */
function findInAnySplit(text: string | Buffer, boundary = 'b'): Found {
  const body = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const whole = find([body], boundary);
  expect(
    find(
      [...body].map((byte) => Buffer.from([byte])),
      boundary,
    ),
  ).toEqual(whole);
  for (let cut = 0; cut <= body.length; cut++) expect(find(split(body, [cut]), boundary)).toEqual(whole);
  return whole;
}

const field = (name: string, value: string, boundary = 'b') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (content: string, boundary = 'b') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: audio/wav\r\n\r\n${content}\r\n`;
const END = '--b--\r\n';

describe('FieldFinder', () => {
  test.each([
    ['before the file', field('model', 'whisper') + file('x') + END],
    ['behind the file', file('x') + field('model', 'whisper') + END],
    ['between fields', field('a', '1') + field('model', 'whisper') + field('b', '2') + END],
    ['behind a preamble', `This is a form.\r\n\r\n${field('model', 'whisper')}${END}`],
    ['with no quotes', field('model', 'whisper').replace('"model"', 'model') + END],
    ['with an escape in its name', field(String.raw`m\odel`, 'whisper') + END],
    ['with other headers', field('model', 'whisper').replace('\r\n\r\n', '\r\nContent-Type: text/plain\r\nX: y\r\n\r\n') + END],
    ['with a folded header', field('model', 'whisper').replace('; name', ';\r\n name') + END],
    [
      'with header names in capitals',
      field('model', 'whisper').toUpperCase().replace('"MODEL"', '"model"').replace('WHISPER', 'whisper').replaceAll('--B', '--b') + END,
    ],
    ['with white space behind the delimiter', field('model', 'whisper').replace('--b', '--b \t') + END],
    ['without a line end at the very end', field('model', 'whisper') + '--b--'],
    [
      'with what begins like the delimiter in the file',
      file('\r\n--\r\n--a\r\n--b-\r\n--bb\r\n-- b\r\n--b x\r\n') + field('model', 'whisper') + END,
    ],
    ['with a part of the delimiter at the end of the file', file('\r\n-\r\n--') + field('model', 'whisper') + END],
    ['with a form in the file', file('--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nevil') + field('model', 'whisper') + END],
    ['with a longer boundary in the file', file(`\r\n${field('model', 'evil', 'bb')}--bb--`) + field('model', 'whisper') + END],
  ])('finds the field %s', (_, body) => {
    expect(findInAnySplit(body)).toEqual({ value: 'whisper', ended: true });
  });

  test('an empty value is a value', () => {
    expect(findInAnySplit(field('model', '') + END)).toEqual({ value: '', ended: true });
  });

  test.each([
    ['is missing', field('models', 'x') + file('x') + END],
    ['is a file', `--b\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\nx\r\n${END}`],
    ['is an attachment', field('model', 'x').replace('form-data', 'attachment') + END],
    ['is only the name of a file', file('x') + END],
    ['is in no part of the form', `--b--\r\n`],
    ['has a longer name', field('xmodel', 'x') + field('modelx', 'y') + END],
  ])('the field %s', (_, body) => {
    expect(findInAnySplit(body)).toEqual({ ended: true });
  });

  test.each([
    ['twice', field('model', 'cheap') + file('x') + field('model', 'dear') + END, /twice/],
    ['twice, the second one empty', field('model', 'cheap') + field('model', '') + END, /twice/],
    ['behind the end', field('model', 'cheap') + END + field('model', 'dear') + END, /behind the final boundary/],
    ['under two names', field('model', 'x').replace('name=', 'name="other"; name=') + END, /two names/],
    ['under half a name', field('model"x', 'y') + END, /malformed/],
    [
      'under two dispositions',
      field('model', 'x').replace('\r\n\r\n', '\r\ncontent-disposition: form-data; name="a"\r\n\r\n') + END,
      /two names/,
    ],
    ['longer than a model’s name', field('model', 'x'.repeat(1025)) + END, /longer than 1024 bytes/],
    ['in a body without the boundary', 'x'.repeat(9000), /boundary .* is not in the body/],
    ['behind a long preamble', `${'x'.repeat(9000)}\r\n${field('model', 'm')}${END}`, /boundary .* is not in the body/],
    ['behind long headers', `--b\r\nX: ${'x'.repeat(9000)}\r\n\r\n\r\n${END}`, /headers of a part are too long/],
  ])('the field %s is an error', (_, body, message) => {
    const bytes = Buffer.from(body);
    expect(find([bytes]).error).toMatch(message);
    expect(find([...bytes].map((byte) => Buffer.from([byte]))).error).toMatch(message);
    expect(find(split(bytes, [1000, 2000, 3000])).error).toMatch(message);
  });

  test('the longest value and preamble are taken in any split', () => {
    const body = Buffer.from(`${'p'.repeat(8000)}\r\n${field('model', 'x'.repeat(1024))}${END}`);
    for (const cuts of [[], [8000, 8001, 8002, 8003, 9000], [8190, 8192, 9070]]) expect(find(split(body, cuts)).value).toHaveLength(1024);
  });

  test('a form that stops is not at its end', () => {
    expect(findInAnySplit(field('model', 'whisper') + file('x'))).toEqual({ value: 'whisper', ended: false });
    expect(findInAnySplit(file('x'))).toEqual({ ended: false });
    expect(findInAnySplit('--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhis')).toEqual({ ended: false });
  });

  const boundaries = fc.constantFrom('b', 'ab', 'aab', '-', '--', 'boundary=x', "'()+_,-./:=?");
  const noise = fc.array(fc.constantFrom('\r', '\n', '\r\n', '-', '--', 'a', 'b', '\r\n--', '\0', '\xff', 'name="model"', '\r\n\r\n'), {
    maxLength: 30,
  });

  test('any form gives the same in any split', () => {
    fc.assert(
      fc.property(
        boundaries,
        fc.array(
          fc.oneof(
            noise.map((parts) => ({ file: parts.join('') })),
            fc.constant({ field: 'other' }),
          ),
          { maxLength: 4 },
        ),
        fc.nat({ max: 4 }),
        fc.string({ maxLength: 20 }).filter((value) => !/[\r\n]/.test(value)),
        fc.array(fc.nat(), { maxLength: 12 }),
        (boundary, parts, at, value, cuts) => {
          // A file must not hold its own delimiter.
          fc.pre(parts.every((part) => !('file' in part) || !`\r\n${part.file}`.includes(`\r\n--${boundary}`)));
          const texts = parts.map((part) => ('file' in part ? file(part.file, boundary) : field('other', 'x', boundary)));
          texts.splice(at, 0, Buffer.from(field('model', value, boundary)).toString('latin1'));
          const body = Buffer.from(`${texts.join('')}--${boundary}--\r\n`, 'latin1');
          expect(find(split(body, cuts), boundary)).toEqual({ value, ended: true });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('no bytes at all make it run on or read two ways', () => {
    fc.assert(
      fc.property(noise, fc.array(fc.nat(), { maxLength: 8 }), (parts, cuts) => {
        const body = Buffer.from(`--b\r\n${parts.join('')}\r\n--b${parts.toReversed().join('')}`, 'latin1');
        expect(find(split(body, cuts))).toEqual(find([body]));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('boundaryOf', () => {
  test.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data;boundary=abc', 'abc'],
    ['Multipart/Form-Data; Charset=utf-8; BOUNDARY=aBc;', 'aBc'],
    ['multipart/form-data; boundary="a b;c=d"; charset=x', 'a b;c=d'],
    ['multipart/form-data; boundary=----WebKitFormBoundaryA1b2', '----WebKitFormBoundaryA1b2'],
    [`multipart/form-data; boundary=${'x'.repeat(70)}`, 'x'.repeat(70)],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, undefined],
    [`multipart/form-data; boundary="${'x'.repeat(71)}"`, undefined],
    ['multipart/form-data; boundary=', undefined],
    ['multipart/form-data; boundary=""', undefined],
    ['multipart/form-data; boundary="a', undefined],
    ['multipart/form-data; boundary=a; boundary=b', undefined],
    ['multipart/form-data; x="; boundary=evil"; boundary=real', 'real'],
    ['multipart/form-data', undefined],
    ['multipart/mixed; boundary=a', undefined],
    ['application/json; x=multipart/form-data; boundary=a', undefined],
    ['', undefined],
  ])('%s', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
  });
});
