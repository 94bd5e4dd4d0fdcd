import { createReadStream } from 'node:fs';

/** A file that is no CSV: where and why. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
}

/** One record, and the line that it begins in. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** A field that is longer belongs to a file that is no CSV. */
const LONGEST_FIELD = 1_048_576;

/**
 * Reads a text piece by piece (RFC 4180): quotes, with commas and line breaks in them; CRLF, LF or CR; with or without a byte order mark.
 * Empty lines are left out.
 */
export class CsvReader {
  #field = '';
  #fields: string[] = [];
  #line = 1;
  #recordLine = 1;
  #state: 'start' | 'plain' | 'quoted' | 'quote in quotes' = 'start';
  #afterCr = false;
  #begun = false;

  /** @throws CsvError */
  *push(text: string): Generator<CsvRecord> {
    let from = 0;
    if (!this.#begun && text.length > 0) {
      this.#begun = true;
      if (text.startsWith('\uFEFF')) from = 1;
    }
    for (let at = from; at < text.length; at++) {
      const character = text[at]!;
      const isSecondOfCrLf = this.#afterCr && character === '\n';
      this.#afterCr = character === '\r';
      if ((character === '\n' && !isSecondOfCrLf) || character === '\r') this.#line++;
      if (this.#state === 'quoted') {
        if (character === '"') this.#state = 'quote in quotes';
        else this.#add(character);
      } else if (character === '"' && this.#state !== 'plain') {
        // The second of two quotes stands for one; the first of a field begins it.
        if (this.#state === 'quote in quotes') this.#add('"');
        this.#state = 'quoted';
      } else if (character === ',') {
        this.#endField();
      } else if (character === '\n' || character === '\r') {
        yield* this.#endRecord();
        this.#recordLine = this.#line;
      } else if (this.#state === 'quote in quotes') {
        throw new CsvError(`line ${this.#line}: after a closing quote there is neither a comma nor the end of the line`);
      } else {
        this.#state = 'plain';
        this.#add(character);
      }
    }
  }

  /** @throws CsvError where a quote is never closed */
  *end(): Generator<CsvRecord> {
    if (this.#state === 'quoted') throw new CsvError(`line ${this.#recordLine}: a quote that begins in this record has no end`);
    yield* this.#endRecord();
  }

  #add(text: string): void {
    this.#field += text;
    if (this.#field.length > LONGEST_FIELD) throw new CsvError(`line ${this.#recordLine}: a field is longer than 1 MiB`);
  }

  #endField(): void {
    this.#fields.push(this.#field);
    this.#field = '';
    this.#state = 'start';
  }

  *#endRecord(): Generator<CsvRecord> {
    const isEmpty = this.#fields.length === 0 && this.#field === '' && this.#state === 'start';
    if (isEmpty) return;
    this.#endField();
    const fields = this.#fields;
    this.#fields = [];
    yield { line: this.#recordLine, fields };
  }
}

/** Records of a file, in little memory. @throws CsvError, and the system's error where the file cannot be read */
export async function* csvRecords(file: string): AsyncGenerator<CsvRecord> {
  const reader = new CsvReader();
  for await (const text of createReadStream(file, 'utf8') as AsyncIterable<string>) yield* reader.push(text);
  yield* reader.end();
}
