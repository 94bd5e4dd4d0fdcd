import type { AnswerEdit, Outbound } from '#core/attempt/call';
import { isCredential, isInternal } from '#core/http/headers';
import { isHeaderValue } from '#core/http/sendable';

import { applyEdit, type Header, type HeaderChange, type HeaderEdit } from '../epp/header-edit.ts';

/** A flat list `[name, value, …]` as pairs. */
export function pairsOf(flat: readonly string[]): Header[] {
  const pairs: Header[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at]!.toLowerCase(), flat[at + 1]!]);
  return pairs;
}

/**
 * The part of a picker's edit that is followed. Framing, connection and host are gone from it already (`readMutation`). Here go, into
 * `refused`: pseudo headers, credentials that the picker was not shown, `accept-encoding` (the gateway must be able to read the answer), and
 * values that HTTP does not have. What sets a header to the value that was shown is dropped in silence: the reference picker sends every header
 * back, and the request may have newer values by the time it goes out.
 */
export function permittedEdit(edit: HeaderEdit, shown: readonly Header[]): HeaderEdit {
  if (edit.changes.length === 0) return edit;
  const before = new Map<string, string[]>();
  for (const [name, value] of shown) before.set(name, [...(before.get(name) ?? []), value]);
  const touched = new Map<string, number>();
  for (const { name } of edit.changes) touched.set(name, (touched.get(name) ?? 0) + 1);
  const changes: HeaderChange[] = [];
  const refused = [...edit.refused];
  for (const change of edit.changes) {
    const values = before.get(change.name);
    if (touched.get(change.name) === 1 && isEcho(change, values)) continue;
    if (isForbidden(change, values !== undefined)) refused.push(change.name);
    else changes.push(change);
  }
  return { changes, refused };
}

/**
 * The part of a picker's edit of an answer that is followed. Refused are, besides what `readMutation` takes out: names by which gateways speak
 * to each other, the coding of the body (it has been undone, or belongs to the bytes), and values that HTTP does not have.
 */
export function permittedAnswerEdit(edit: HeaderEdit, shown: readonly Header[]): HeaderEdit {
  if (edit.changes.length === 0) return edit;
  const refused = [...edit.refused];
  const changes = edit.changes.filter((change) => {
    const values = shown.filter(([name]) => name === change.name).map(([, value]) => value);
    if (edit.changes.filter(({ name }) => name === change.name).length === 1 && isEcho(change, values)) return false;
    const { name } = change;
    const allowed = name !== 'content-encoding' && !isInternal(name) && (change.action === 'remove' || isHeaderValue(change.value));
    if (!allowed) refused.push(name);
    return allowed;
  });
  return { changes, refused };
}

/** The edit as the attempt applies it; undefined where there is nothing to do. */
export function answerEditOf({ changes }: HeaderEdit): AnswerEdit | undefined {
  if (changes.length === 0) return undefined;
  return (headers) => {
    for (const change of changes) {
      // A picker may name what every object has.
      const before = Object.hasOwn(headers, change.name) ? headers[change.name] : undefined;
      if (change.action === 'remove') delete headers[change.name];
      else if (change.action === 'append' && before !== undefined) headers[change.name] = [before, change.value].flat();
      else if (before === undefined ? change.action !== 'overwrite-if-present' : change.action !== 'add-if-absent')
        headers[change.name] = change.value;
    }
  };
}

/** The request with the edit, and with the picker's body where there is one. */
export function editedOutbound(outbound: Outbound, edit: HeaderEdit, body: Buffer | undefined): Outbound {
  if (edit.changes.length === 0 && body === undefined) return outbound;
  let headers = applyEdit(pairsOf(outbound.headers), edit);
  // The length is that of the body before; undici counts the new one.
  if (body !== undefined) headers = headers.filter(([name]) => name !== 'content-length');
  return { ...outbound, headers: headers.flat(), body: body ?? outbound.body };
}

function isEcho(change: HeaderChange, values: readonly string[] | undefined): boolean {
  if (change.action !== 'overwrite' && change.action !== 'overwrite-if-present') return false;
  return values?.length === 1 && values[0] === change.value;
}

function isForbidden(change: HeaderChange, wasShown: boolean): boolean {
  const { name } = change;
  if (name.startsWith(':') || name === 'accept-encoding') return true;
  // Servers with a CGI-like interface read `x_api_key` as `x-api-key`.
  if (!wasShown && isCredential(name.replaceAll('_', '-'))) return true;
  return change.action !== 'remove' && !isHeaderValue(change.value);
}
