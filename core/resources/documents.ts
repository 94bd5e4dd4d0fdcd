import { parseDocument } from './documents/parse.ts';
import { type DocumentText, splitDocuments } from './documents/split.ts';
import type { Environment } from './documents/variables.ts';
import type { Problem, Source } from './problem.ts';

export type { Environment };

export interface TextFile {
  /** As the user named it. */
  readonly file: string;
  readonly text: string;
}

/** What a load has read. A document with a problem is not among the documents. */
export interface ReadDocuments<T> {
  readonly documents: T[];
  /** `source.line` is the line of the fault. */
  readonly problems: Problem[];
}

interface Entry<T> {
  readonly source: Source;
  readonly variables: ReadonlyMap<string, string | undefined>;
  readonly items: readonly { readonly item: T; readonly source: Source }[];
}

/**
 * Reads the documents of YAML and JSON files, and remembers what came of each: a document that the next load finds
 * unchanged, with the same values of its variables, is neither parsed nor built again. It remembers the last load only.
 *
 * @example
 * const reader = new DocumentReader(
 *   (value, source) => ({ value, source }),
 *   (document, source) => ({ ...document, source }),
 * );
 * const { documents, problems } = reader.read([{ file: 'routes.yaml', text }], process.env);
 */
export class DocumentReader<T> {
  readonly #build: (value: unknown, source: Source) => T;
  readonly #move: ((item: T, source: Source) => T) | undefined;
  #entries = new Map<string, Entry<T>>();

  /**
   * @param build - makes what is remembered. The value belongs to it: it may fill in defaults, which happens once. As the
   * result is handed out again by later loads, nobody may change it after that.
   * @param move - the same thing for a document that has moved to another line or file, as a new object. Without it, a
   * document that has moved is built again.
   */
  constructor(build: (value: unknown, source: Source) => T, move?: (item: T, source: Source) => T) {
    this.#build = build;
    this.#move = move;
  }

  /** Reads all files of one load. */
  read(files: readonly TextFile[], env: Environment): ReadDocuments<T> {
    const documents: T[] = [];
    const problems: Problem[] = [];
    const entries = new Map<string, Entry<T>>();
    for (const { file, text } of files) {
      for (const [index, part] of splitDocuments(text).entries()) {
        const source = { file, document: index + 1, line: part.contentLine };
        const entry = this.#recall(part.text, source, env) ?? this.#parse(part, source, env, problems);
        if (entry === undefined) continue;
        entries.set(part.text, entry);
        for (const { item } of entry.items) documents.push(item);
      }
    }
    this.#entries = entries;
    return { documents, problems };
  }

  #recall(text: string, source: Source, env: Environment): Entry<T> | undefined {
    const entry = this.#entries.get(text);
    if (entry === undefined) return undefined;
    for (const [name, value] of entry.variables) if (env[name] !== value) return undefined;
    const { file, document, line } = entry.source;
    if (file === source.file && document === source.document && line === source.line) return entry;
    const move = this.#move;
    if (move === undefined) return undefined;
    const items = entry.items.map(({ item, source: { line: itemLine } }) => {
      const moved = { ...source, line: itemLine + source.line - line };
      return { item: move(item, moved), source: moved };
    });
    return { source, variables: entry.variables, items };
  }

  #parse(part: DocumentText, source: Source, env: Environment, problems: Problem[]): Entry<T> | undefined {
    // Strings of the parse are slices of the text. A copy keeps one document from holding on to the whole file.
    const text = Buffer.from(part.text).toString();
    const { items, variables, faults } = parseDocument(text, env);
    for (const { line, message } of faults) {
      problems.push({ source: { ...source, line: part.line + line - 1 }, resource: '', path: '', message });
    }
    if (faults.length > 0) return undefined;
    const built = items.map(({ value, line }) => {
      const at = { ...source, line: part.line + line - 1 };
      return { item: this.#build(value, at), source: at };
    });
    return { source, variables, items: built };
  }
}

/** Reads one file, without a memory. */
export function readDocuments(
  file: string,
  text: string,
  env: Environment,
): ReadDocuments<{ readonly value: unknown; readonly source: Source }> {
  return new DocumentReader((value, source) => ({ value, source })).read([{ file, text }], env);
}
