import { createHash } from 'node:crypto';

import { type Built, Builder } from './build.ts';
import { DocumentReader, type Environment } from './documents.ts';
import { readFiles } from './files.ts';
import { KINDS } from './kinds.ts';
import { isOf, nameOf } from './kind.ts';
import type { Problem } from './problem.ts';
import { Secret } from './kubernetes/secret.ts';
import { readSecretFiles } from './secret-files.ts';
import { ResourceSet } from './set.ts';
import { substitute } from './substitution.ts';

/** Where resources come from. */
export interface Sources {
  readonly paths: readonly string[];
  /** Documents that are no files, such as those made from the environment: a name for messages, and YAML. */
  readonly texts?: readonly { readonly file: string; readonly text: string }[];
  /** Folder of mounted Secrets. */
  readonly secretDir?: string | undefined;
  readonly env: Environment;
}

export interface Loaded {
  readonly set: ResourceSet;
  readonly problems: readonly Problem[];
  /** `Kind namespace/name` of what was read and changes nothing. */
  readonly ignored: readonly string[];
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Of all texts that were read, to tell one configuration from another. */
  readonly hash: string;
  /** Folders to watch for changes. */
  readonly folders: readonly string[];
}

/** Loads resources again and again; what has not changed since the last load is not parsed or checked again. */
export class Loader {
  readonly #builder = new Builder(KINDS);
  readonly #reader = new DocumentReader<Built>(this.#builder.build, this.#builder.move);

  /** Reads everything and reports every problem. */
  load({ paths, texts = [], secretDir, env }: Sources): Loaded {
    const found = readFiles(paths);
    const files = [...texts, ...found.files];
    const { documents, problems: faults } = this.#reader.read(files, env);
    const problems: Problem[] = [...found.problems, ...faults];
    const set = new ResourceSet();
    const ignored: string[] = [];
    const namespaceLabels = new Map<string, Readonly<Record<string, string>>>();
    const folders = [...found.folders];
    const hash = createHash('sha256');
    for (const { file, text } of files) hash.update(file).update('\0').update(text).update('\0');

    for (const built of documents) {
      problems.push(...built.problems);
      if (built.ignored !== undefined) ignored.push(built.ignored);
      if (built.namespace !== undefined) namespaceLabels.set(built.namespace.name, built.namespace.labels);
      if (built.invalid !== undefined) set.addInvalid(built.invalid);
      if (built.resource === undefined) continue;
      const { resource } = built;
      if (!isOf(Secret, resource)) {
        add(set, resource, problems);
        continue;
      }
      const report = (path: string, message: string) =>
        void problems.push({ source: resource.source, resource: nameOf(resource), path, message });
      const substituted = substitute(resource, env, report);
      folders.push(...substituted.folders);
      hash.update(JSON.stringify(substituted.secret.body));
      add(set, substituted.secret, problems);
    }
    if (secretDir !== undefined) {
      const mounted = readSecretFiles(secretDir);
      folders.push(...mounted.folders);
      problems.push(...mounted.problems);
      for (const secret of mounted.secrets) {
        hash.update(JSON.stringify(secret));
        add(set, secret, problems);
      }
    }
    return { set, problems, ignored, namespaceLabels, hash: hash.digest('hex').slice(0, 16), folders };
  }
}

function add(set: ResourceSet, resource: NonNullable<Built['resource']>, problems: Problem[]): void {
  const present = set.add(resource);
  if (present === undefined) return;
  const { file, line } = present.source;
  problems.push({
    source: resource.source,
    resource: nameOf(resource),
    path: 'metadata.name',
    message: `the same resource is in ${file}${line > 0 ? `:${line}` : ''} already`,
  });
}
