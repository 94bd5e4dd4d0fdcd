import { Type } from '../schema.ts';

/** Name of a model; a `*` at the end stands for any rest. */
export const ModelPattern = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: '^[^*\\s]*\\*?$',
  description: 'name of a model, with * at the end or not at all',
});
