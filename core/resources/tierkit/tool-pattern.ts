import { Type } from '../schema.ts';

/** Name of a tool; a `*` at the end stands for any rest. As long as a server's name before a tool's own may be. */
export const ToolPattern = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^[^*\\s]*\\*?$',
  description: 'name of a tool, with * at the end or not at all',
});
