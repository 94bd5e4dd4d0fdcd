// For tests: requests of several APIs, and how one becomes another.
import { scanObject } from '../../../json/scan.ts';
import { CODECS, type TranslatedDialect } from '../../codecs.ts';

export const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
export const ASK = { model: 'm', input: 'hi' };
export const CHAT = { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 100 };
/** As it is written. */
export const OWN = { model: 'm', input: [{ role: 'user', content: 'hi' }], store: false };
/** A request as it is written for another API, with what is lost. */
export function translated(
  from: TranslatedDialect,
  to: TranslatedDialect,
  request: object,
): { readonly body: Record<string, unknown>; readonly losses: readonly string[] } {
  const { body, losses } = CODECS[to].encodeRequest(CODECS[from].decodeRequest(scan(request)));
  const written = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
  return { body: written, losses: losses.map(({ path, what }) => `${what} ${path}`).sort() };
}
