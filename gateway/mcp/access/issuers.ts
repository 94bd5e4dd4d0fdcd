import { fetchIssuerMetadata, type IssuerDocument } from '#core/identify/issuer-metadata';

/** Anybody may ask for them, so the issuer is asked rarely. */
const FRESH_MS = 300_000;
const FAILED_MS = 5000;
const MAX_KEPT = 100;

/** What issuers say of themselves, kept for a short while. */
export interface Issuers {
  /**
   * As the issuer says it. Who asks for what is under way waits with the others.
   * @param elsewhere in a cluster: it is not asked where its name leads to this machine or its neighbours
   * @throws FetchFailed
   */
  metadata(issuer: string, document: IssuerDocument, elsewhere: boolean): Promise<Buffer>;
}

interface Kept {
  readonly answer: Promise<Buffer>;
  /** In milliseconds of Unix time. */
  until: number;
}

export function newIssuers(): Issuers {
  const kept = new Map<string, Kept>();
  return {
    metadata(issuer, document, elsewhere) {
      const key = JSON.stringify([issuer, document, elsewhere]);
      const known = kept.get(key);
      if (known !== undefined && Date.now() < known.until) return known.answer;
      const answer = fetchIssuerMetadata(issuer, document, elsewhere).then((text) => Buffer.from(text));
      const entry: Kept = { answer, until: Number.POSITIVE_INFINITY };
      answer.then(
        () => (entry.until = Date.now() + FRESH_MS),
        () => (entry.until = Date.now() + FAILED_MS),
      );
      kept.delete(key);
      kept.set(key, entry);
      if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!);
      return answer;
    },
  };
}
