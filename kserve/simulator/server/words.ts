import { Random } from '../engine/random.ts';

const OPENINGS = ['In short', 'As a rule', 'In practice', 'For example', 'In this case', 'At first', 'Over time', 'In the end'];
const SUBJECTS = [
  'the scheduler',
  'a warm cache',
  'the gateway',
  'each replica',
  'the first request',
  'a long prompt',
  'the queue',
  'the next step',
  'a shared prefix',
  'the batch',
  'a small change',
  'the operator',
  'the team',
  'a good default',
  'the result',
  'this answer',
];
const VERBS = [
  'keeps',
  'finds',
  'needs',
  'follows',
  'shows',
  'shares',
  'saves',
  'moves',
  'takes',
  'holds',
  'returns',
  'checks',
  'reads',
  'sends',
];
const OBJECTS = [
  'the same blocks',
  'one more token',
  'a free slot',
  'the work in order',
  'enough memory',
  'the nearest pod',
  'a clear limit',
  'what came before',
  'the whole context',
  'a few milliseconds',
  'the right place',
  'less than expected',
  'a steady pace',
  'its own share',
];
const TAILS = [
  '',
  '',
  '',
  ' at every step',
  ' without waiting',
  ' when the load is high',
  ' before the next turn',
  ' as long as it fits',
  ' on most days',
  ' after a short pause',
];

/** Readable sentences, the same for the same seed, at least `length` characters long. They begin with no space. */
export function sentences(seed: number | string, length: number): string {
  const random = new Random(seed);
  const pick = (list: readonly string[]): string => list[random.integer(list.length)]!;
  let text = '';
  while (text.length < length) {
    const clause = `${pick(SUBJECTS)} ${pick(VERBS)} ${pick(OBJECTS)}${pick(TAILS)}`;
    const sentence = random.next() < 0.3 ? `${pick(OPENINGS)}, ${clause}.` : `${clause[0]!.toUpperCase()}${clause.slice(1)}.`;
    text += text === '' ? sentence : ` ${sentence}`;
  }
  return text;
}

const NOUNS = ['alpha', 'harbor', 'maple', 'river', 'copper', 'north', 'garden', 'signal'];

/** One word, the same for the same seed. */
export function word(seed: number | string): string {
  return NOUNS[new Random(seed).integer(NOUNS.length)]!;
}
