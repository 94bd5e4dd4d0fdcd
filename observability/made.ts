import { dump } from 'js-yaml';

/** Objects as a YAML file that says what it is made of. @param from path of the code, from the root of the repository */
export function madeYaml(from: string, ...documents: readonly object[]): string {
  const texts = documents.map((value) => dump(value, { lineWidth: 140, noRefs: true }));
  return `# Made by "node observability/generate.ts" of ${from}: change that, not this file.\n${texts.join('---\n')}`;
}
