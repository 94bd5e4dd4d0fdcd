/** A credential cannot be had. The message is for the operator: no part of a credential, no text of the server that was asked. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
  /** The error in the words of its standard, where the server said one that may be told. */
  readonly code: string | undefined;

  constructor(message: string, { code }: { readonly code?: string | undefined } = {}) {
    super(message);
    this.code = code;
  }
}

/** What may be said of a failure. A library's own message may quote what was sent: only its code is told. */
export function reasonOf(error: unknown): string {
  if (error instanceof FetchFailed) return error.message;
  if (!(error instanceof Error)) return 'unknown reason';
  if ('code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(error.code)) return error.code;
  return error.name;
}
