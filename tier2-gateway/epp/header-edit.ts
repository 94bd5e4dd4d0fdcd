import type { HeaderMap, HeaderMutation, HeaderValue } from './messages.ts';

/** Name and value; names in lower case; values hold one byte a character, as Node's HTTP has them. */
export type Header = readonly [name: string, value: string];

export type HeaderChange =
  | { readonly action: 'remove'; readonly name: string }
  | { readonly action: 'overwrite' | 'append' | 'add-if-absent' | 'overwrite-if-present'; readonly name: string; readonly value: string };

/** What a picker wants changed, in the order in which it applies. */
export interface HeaderEdit {
  readonly changes: readonly HeaderChange[];
  /** Names that a picker may not change, and names and values that are no HTTP. For the log; values are left out. */
  readonly refused: readonly string[];
}

export const NO_EDIT: HeaderEdit = { changes: [], refused: [] };

/** Framing and the connection belong to the gateway (RFC 9110 §7.6.1), and so does the host that was routed on. */
const PROTECTED = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);
/** Silently dropped: pickers set it whenever they send a body back, and the gateway counts the bytes itself. */
const IGNORED = 'content-length';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex
const FIELD_VALUE = /^[^\u0000\r\n]*$/;

export interface EditRules {
  /** Pseudo headers that the picker may set, of `:path`, `:method`, `:authority`. */
  readonly pseudo?: readonly string[];
  /** Names that are read by the caller and not passed on. */
  readonly consumed?: readonly string[];
  /** The headers as they are. Setting a protected one to the value that it has is no offence: pickers send all of them back. */
  readonly current?: readonly Header[];
}

/** Reads a mutation: removals come first, then the settings in their order, as Envoy applies them. */
export function readMutation(mutation: HeaderMutation | undefined, rules: EditRules = {}): HeaderEdit {
  if (mutation === undefined) return NO_EDIT;
  const changes: HeaderChange[] = [];
  const refused: string[] = [];
  for (const raw of mutation.removeHeaders ?? []) {
    const name = raw.toLowerCase();
    // A pseudo header is part of every request: it cannot go, whatever may be set.
    if (name === '' || name === IGNORED || rules.consumed?.includes(name) === true) continue;
    if (PROTECTED.has(name) || !TOKEN.test(name)) refused.push(name);
    else changes.push({ action: 'remove', name });
  }
  for (const option of mutation.setHeaders ?? []) {
    if (option.header?.key === undefined) continue;
    const name = option.header.key.toLowerCase();
    if (name === IGNORED || rules.consumed?.includes(name) === true) continue;
    const value = headerText(option.header);
    const allowed = name.startsWith(':') ? rules.pseudo?.includes(name) === true : !PROTECTED.has(name) && TOKEN.test(name);
    if (!allowed && rules.current?.some((header) => header[0].toLowerCase() === name && header[1] === value) === true) continue;
    if (!allowed || !FIELD_VALUE.test(value)) refused.push(name);
    else changes.push({ action: actionOf(option), name, value });
  }
  return { changes, refused };
}

/** Two edits, one after the other. */
export function joinEdits(first: HeaderEdit, second: HeaderEdit): HeaderEdit {
  if (first === NO_EDIT) return second;
  return second === NO_EDIT ? first : { changes: [...first.changes, ...second.changes], refused: [...first.refused, ...second.refused] };
}

/** The headers after the edit. */
export function applyEdit(headers: readonly Header[], edit: HeaderEdit): Header[] {
  let result = headers.map(([name, value]): Header => [name.toLowerCase(), value]);
  for (const change of edit.changes) {
    const present = result.some(([name]) => name === change.name);
    if (change.action === 'add-if-absent' && present) continue;
    if (change.action === 'overwrite-if-present' && !present) continue;
    if (present && change.action !== 'append') result = result.filter(([name]) => name !== change.name);
    if (change.action !== 'remove') result.push([change.name, change.value]);
  }
  return result;
}

/** Bytes of `raw_value` where there are any, else `value`, as one byte a character. */
export function headerText(header: HeaderValue): string {
  if (header.rawValue !== undefined && header.rawValue.length > 0) return header.rawValue.toString('latin1');
  return Buffer.from(header.value ?? '', 'utf8').toString('latin1');
}

export function toHeaderMap(headers: readonly Header[]): HeaderMap {
  return { headers: headers.map(([name, value]) => ({ key: name.toLowerCase(), rawValue: Buffer.from(value, 'latin1') })) };
}

export function fromHeaderMap(map: HeaderMap | undefined): Header[] {
  return (map?.headers ?? []).map((header): Header => [(header.key ?? '').toLowerCase(), headerText(header)]);
}

/** The mutation that sets and removes headers, for the server side. */
export function toMutation(set: readonly Header[], remove: readonly string[] = []): HeaderMutation {
  return {
    setHeaders: set.map(([name, value]) => ({
      header: { key: name.toLowerCase(), rawValue: Buffer.from(value, 'latin1') },
      appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
    })),
    removeHeaders: [...remove],
  };
}

/**
 * `append` (deprecated, and the only one that the reference picker's generation knows) decides where it is present. `append_action` 0 means
 * "append" in Envoy's core API, yet is also what a message that says nothing has: ext_proc overwrites then.
 */
function actionOf(option: NonNullable<HeaderMutation['setHeaders']>[number]): Exclude<HeaderChange['action'], 'remove'> {
  if (option.append !== undefined) return option.append.value === true ? 'append' : 'overwrite';
  if (option.appendAction === 'ADD_IF_ABSENT') return 'add-if-absent';
  if (option.appendAction === 'OVERWRITE_IF_EXISTS') return 'overwrite-if-present';
  return 'overwrite';
}
