import { didYouMean } from '#core/resources/nearest';

import { type Generated, GENERATED_KEY, parseGenerated } from './generated.ts';
import type { PreflightOptions } from './preflight.ts';
import { PlatformError } from './pulumi-cli.ts';
import { renewed, rotated, type RotationStep, settlesIn } from './rotation.ts';
import { readStack, storeGenerated } from './stack.ts';

const USAGE = 'keys has: list | show NAME | rotate PAIR [--now] | renew NAME';

const THEN = 'Now: npm run platform:up; then, three minutes later, rotate again';
const NEXT: Readonly<Record<RotationStep, string>> = {
  announced: `the other tier will know it beside the old one. ${THEN}: it signs from then on`,
  signing: `signs from now on; the old one is still known. ${THEN}: the old one is forgotten`,
  done: 'is the only one. Now: npm run platform:up',
};

/** `platform:keys`: what was generated for the platform. Without arguments it makes what is missing. */
export async function keys(options: PreflightOptions, [verb = 'make', name = '', ...flags]: readonly string[]): Promise<number> {
  const { pulumi, say } = options;
  if (verb === 'make') {
    const { generateMissing, prepare } = await import('./preflight.ts');
    await generateMissing(await prepare(options), options);
    return 0;
  }
  const { read } = await readStack(pulumi);
  const generated = parseGenerated(read(GENERATED_KEY));
  switch (verb) {
    case 'list':
      for (const line of lines(generated)) process.stdout.write(`${line}\n`);
      return 0;
    case 'show':
      process.stdout.write(`${textCalled(name, generated)}\n`);
      return 0;
    case 'renew':
      textCalled(name, generated);
      await storeGenerated(pulumi, renewed(generated, name));
      say(`${name} is another one. Now: npm run platform:up; pods that have it in their environment are to be restarted after it`);
      return 0;
    case 'rotate': {
      checkPair(name, generated);
      const wait = Math.ceil(settlesIn(generated, name, Date.now()) / 1000);
      if (wait > 0 && !flags.includes('--now'))
        throw new PlatformError(
          `The last step of ${name} may not be in all pods yet: wait ${wait} s, or say --now if you have seen it there`,
        );
      const { generated: next, step, kid } = rotated(generated, name, Date.now());
      await storeGenerated(pulumi, next);
      say(`${kid} ${NEXT[step]}`);
      return 0;
    }
    default:
      throw new PlatformError(`${USAGE}, not "${verb}"${didYouMean(verb, ['list', 'show', 'rotate', 'renew'])}`);
  }
}

function lines({ pairs, texts }: Generated): string[] {
  const rings = Object.entries(pairs).map(
    ([name, { signs, keys: all }]) => `pair  ${name}: ${all.map(({ kid }) => kid).join(', ')}; ${signs} signs`,
  );
  return [...rings, ...Object.keys(texts).map((name) => `text  ${name}`)];
}

function textCalled(name: string, { texts }: Generated): string {
  const found = Object.hasOwn(texts, name) ? texts[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(texts);
  throw new PlatformError(`there is no generated text "${name}"${didYouMean(name, names)}; there are: ${names.join(', ') || 'none'}`);
}

function checkPair(name: string, { pairs }: Generated): void {
  const names = Object.keys(pairs);
  if (!Object.hasOwn(pairs, name))
    throw new PlatformError(`there is no key pair "${name}"${didYouMean(name, names)}; there are: ${names.join(', ') || 'none'}`);
}
