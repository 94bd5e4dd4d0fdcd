import { createHash } from 'node:crypto';

import { toolId } from '../../anthropic/messages/encode-request.ts';

const LONGEST_ID = 64;
const LONGEST_NAME = 200;

/** The API takes 1 to 64 letters, digits, "-" and "_". The same id becomes the same. */
export function toolUseId(id: string): string {
  const plain = toolId(id) || '_';
  if (plain.length <= LONGEST_ID) return plain;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return `${plain.slice(0, LONGEST_ID - 17)}_${hash}`;
}

/** What a document is called that has no name, as the API asks for one. */
const NO_NAME = /^document( \(\d+\))?$/;

/**
 * Names of the documents of a request, no two of which are the same. They have letters, digits, "-", brackets, and no two spaces together.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
 */
export function documentNames(): (name: string | undefined) => string {
  const taken = new Set<string>();
  return (name = 'document') => {
    const plain = name
      .replaceAll(/[^A-Za-z0-9\s\-()[\]]/g, '-')
      .replaceAll(/\s+/g, ' ')
      .slice(0, LONGEST_NAME - 10)
      .trim();
    const base = plain === '' ? 'document' : plain;
    let unique = base;
    for (let count = 2; taken.has(unique); count++) unique = `${base} (${count})`;
    taken.add(unique);
    return unique;
  };
}

export function documentName(name: string): string | undefined {
  return NO_NAME.test(name) ? undefined : name;
}
