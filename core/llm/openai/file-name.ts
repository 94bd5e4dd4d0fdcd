/** What a file is called that has no name, as the APIs of OpenAI ask for one. */
const NO_NAME = 'file';

export function fileName(name: string | undefined): string {
  return name ?? NO_NAME;
}

export function nameOf(fileName: string | undefined): string | undefined {
  return fileName === NO_NAME ? undefined : fileName;
}
