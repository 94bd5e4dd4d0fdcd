const WORDS =
  'the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not what all'.split(
    ' ',
  );

/** About a token a word; always the same for the same seed, and another one from its first word on for another seed. */
export function words(seed: string, count: number): string {
  let state = 7;
  for (const letter of seed) state = (state * 31 + letter.codePointAt(0)!) % 2_147_483_647;
  const out = [seed];
  for (let index = 0; index < count; index++) {
    state = (state * 48_271) % 2_147_483_647;
    out.push(WORDS[state % WORDS.length]!);
  }
  return out.join(' ');
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}
