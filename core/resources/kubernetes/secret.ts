import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { object, Type } from '../schema.ts';
import { base64Bytes, checkDataKeys, MAX_DATA_BYTES } from './data-keys.ts';

/** Checked by the rules: a message of the schema would show a value, and values of a Secret are shown nowhere. */
const Values = Type.Unsafe<Record<string, string>>({});

/** Keys that a type of Secret has to have: all of them, or for basic-auth one of them. */
const KEYS_OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/basic-auth': ['username', 'password'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
};

export const Secret = defineKind({
  kind: 'Secret',
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: object({
    /** Base64. */
    data: Type.Optional(Values),
    /** Plain text; wins over `data` where both have a key. */
    stringData: Type.Optional(Values),
    type: Type.String({ default: 'Opaque' }),
    immutable: Type.Optional(Type.Boolean()),
  }),
  refused: {},
  rules({ data = {}, stringData = {}, type }, report) {
    if (!isMap(data, 'data', report) || !isMap(stringData, 'stringData', report)) return;
    checkDataKeys(data, 'data', report);
    checkDataKeys(stringData, 'stringData', report);
    checkSize(data, stringData, report);
    checkKeys(type, new Set([...Object.keys(data), ...Object.keys(stringData)]), report);
  },
});
export type Secret = ResourceOf<typeof Secret>;

function isMap(values: Record<string, unknown>, path: string, report: Report): boolean {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    report(path, 'must be a map of keys to values (the value is not shown)');
    return false;
  }
  let texts = true;
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'string') continue;
    texts = false;
    report(
      `${path}.${key}`,
      `must be text, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : `of type ${typeof value}`}; put it in quotes (the value is not shown)`,
    );
  }
  return texts;
}

function checkSize(data: Record<string, string>, stringData: Record<string, string>, report: Report): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    const size = base64Bytes(value);
    if (size === undefined) report(`data.${key}`, 'is no base64; plain text goes into stringData (the value is not shown)');
    else if (!Object.hasOwn(stringData, key)) bytes += size;
  }
  for (const value of Object.values(stringData)) bytes += Buffer.byteLength(value);
  if (bytes > MAX_DATA_BYTES) report('', `holds ${bytes} bytes; a Secret may hold ${MAX_DATA_BYTES}`);
}

function checkKeys(type: string, keys: ReadonlySet<string>, report: Report): void {
  const wanted = KEYS_OF_TYPE[type] ?? [];
  const missing = wanted.filter((key) => !keys.has(key));
  if (missing.length === 0) return;
  if (type !== 'kubernetes.io/basic-auth') report('data', `needs ${missing.join(' and ')}, as the type is ${type}`);
  else if (missing.length === wanted.length) report('data', `needs username or password, as the type is ${type}`);
}
