/** One YAML document of a file, without the marker lines around it. */
export interface DocumentText {
  readonly text: string;
  /** Line of the file on which the text starts, from 1. */
  readonly line: number;
  /** Line of the file with the first content, which a comment is not. */
  readonly contentLine: number;
}

/**
 * Splits a file at its `---` and `...` lines, and leaves out documents without content. A marker at the start of a line
 * ends a document wherever it stands, in a quoted or block scalar too (YAML 1.2, section 9.1.4), so no parse is needed.
 */
export function splitDocuments(file: string): DocumentText[] {
  const text = file.includes('\r\n') ? file.replaceAll('\r\n', '\n') : file;
  const documents: DocumentText[] = [];
  let start = 0;
  let startLine = 1;
  let contentLine = 0;
  const finish = (end: number) => {
    if (contentLine > 0) documents.push({ text: text.slice(start, end), line: startLine, contentLine });
    contentLine = 0;
  };
  for (let line = 1, from = 0; from < text.length; line++) {
    const newline = text.indexOf('\n', from);
    const next = newline === -1 ? text.length : newline + 1;
    // Files that were put together may have a byte order mark at each seam.
    const first = text.charCodeAt(from) === BYTE_ORDER_MARK ? from + 1 : from;
    const marker = markerAt(text, first);
    if (marker !== undefined) {
      finish(from);
      const content = marker === '---' && hasContent(text, first + 3, next);
      // `--- {a: 1}` is the first line of its document.
      start = content ? first : next;
      startLine = content ? line : line + 1;
      if (content) contentLine = line;
    } else if (contentLine === 0 && hasContent(text, first, next)) {
      contentLine = line;
      if (start === from) start = first;
    }
    from = next;
  }
  finish(text.length);
  return documents;
}

const BYTE_ORDER_MARK = 0xfe_ff;

function markerAt(text: string, at: number): '---' | '...' | undefined {
  const marker = text.startsWith('---', at) ? '---' : text.startsWith('...', at) ? '...' : undefined;
  return marker !== undefined && (at + 3 >= text.length || isSpace(text.charCodeAt(at + 3))) ? marker : undefined;
}

function hasContent(text: string, from: number, to: number): boolean {
  let at = from;
  while (at < to && isSpace(text.charCodeAt(at))) at++;
  return at < to && text[at] !== '#';
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
