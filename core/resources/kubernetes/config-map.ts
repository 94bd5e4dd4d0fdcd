import { map } from '../gateway-api/collections.ts';
import { defineKind, type ResourceOf } from '../kind.ts';
import { object, Type } from '../schema.ts';
import { base64Bytes, checkDataKeys, MAX_DATA_BYTES } from './data-keys.ts';

export const ConfigMap = defineKind({
  kind: 'ConfigMap',
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: object({
    data: Type.Optional(map(Type.String())),
    /** Base64. */
    binaryData: Type.Optional(map(Type.String())),
    immutable: Type.Optional(Type.Boolean()),
  }),
  refused: {},
  rules({ data = {}, binaryData = {} }, report) {
    checkDataKeys(data, 'data', report);
    checkDataKeys(binaryData, 'binaryData', report);
    let bytes = 0;
    for (const value of Object.values(data)) bytes += Buffer.byteLength(value);
    for (const [key, value] of Object.entries(binaryData)) {
      if (Object.hasOwn(data, key)) report(`binaryData.${key}`, 'is a key of data as well; it may stand in one of them');
      const size = base64Bytes(value);
      if (size === undefined) report(`binaryData.${key}`, 'is no base64; plain text goes into data');
      else bytes += size;
    }
    if (bytes > MAX_DATA_BYTES) report('', `holds ${bytes} bytes; a ConfigMap may hold ${MAX_DATA_BYTES}`);
  },
});
export type ConfigMap = ResourceOf<typeof ConfigMap>;
