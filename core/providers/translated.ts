import type { IncomingHttpHeaders } from 'node:http';

import type { Accepted } from '../attempt/call.ts';
import { GatewayError } from '../errors.ts';
import type { Edit } from '../json/edit.ts';
import type { JsonObjectScan } from '../json/scan.ts';
import type { Loss } from '../llm/codec.ts';
import type { Json } from '../llm/given.ts';

/** One attempt at a backend that speaks another API than the client. */
export interface Translated {
  /** The backend's API. */
  readonly to: string;
  /** What the backend calls the model. */
  readonly model: string;
  readonly body: Buffer;
  /** What could not be said so far, of the request and of the answer. */
  readonly told: Told;
  /**
   * Reads a whole answer.
   * @param id of the answer, where it has none
   * @throws UnacceptableAnswer
   */
  accept(scan: JsonObjectScan, id: string, headers: IncomingHttpHeaders): Accepted & { readonly body: Buffer };
}

/** Names of what a translation could not say. */
export interface Told {
  readonly dropped: readonly string[];
  readonly approximated: readonly string[];
}

/** Losses are told in a header: with so many of them one is as good as none. */
const MOST_TOLD = 40;

const NOTHING: Told = { dropped: [], approximated: [] };

export function toldOf(losses: readonly Loss[]): Told {
  if (losses.length === 0) return NOTHING;
  const names = (what: Loss['what']): string[] =>
    [...new Set(losses.filter((loss) => loss.what === what).map(({ path }) => printable(path)))].slice(0, MOST_TOLD);
  return { dropped: names('dropped'), approximated: names('approximated') };
}

/** A path that can stand in a header: names of fields are the client's. */
function printable(path: string): string {
  return path.replaceAll(/[^\u0021-\u002b\u002d-\u007e]/g, '?').slice(0, 120);
}

/** What a translation is sent as: with what a route, and the backend's place, change of every body. */
export function sent(body: Json, edits: readonly Edit[]): Buffer {
  return Buffer.from(JSON.stringify(edits.length === 0 ? body : edited(body, edits)));
}

function edited(body: Json, edits: readonly Edit[]): object {
  const result: Record<string, unknown> = { ...body };
  for (const edit of edits) {
    if ('remove' in edit) delete result[edit.remove];
    else result[edit.set] = JSON.parse(edit.value.toString());
  }
  return result;
}

/** @throws GatewayError TK_UNSUPPORTED naming what would be dropped */
export function refuseLosses(losses: readonly Loss[], to: string): void {
  const dropped = losses.filter(({ what }) => what === 'dropped').map(({ path }) => path);
  if (dropped.length === 0) return;
  const others = dropped.length > 1 ? ` (and ${dropped.slice(1, 8).join(', ')}${dropped.length > 8 ? ', …' : ''})` : '';
  const message = `${dropped[0]} cannot be said in the API of the backend, ${to}${others}, and the route is strict`;
  throw new GatewayError('TK_UNSUPPORTED', message, { param: dropped[0]! });
}
