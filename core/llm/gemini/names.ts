import { badRequest } from '../fields.ts';

/** Google calls its models so; others, such as endpoints of one's own, are unknown. */
const GENERATION = /gemini-(\d+)(?:\.(\d+))?(?![\d.])/;

/** Such as 2.5 of `gemini-2.5-flash`; undefined where the name does not tell. */
export function generationOf(model: string): number | undefined {
  const [, major, minor = '0'] = GENERATION.exec(model) ?? [];
  return major === undefined ? undefined : Number(`${major}.${minor}`);
}

/** What is spelled in the API's way all through. */
const OWN = new Set(['contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig']);
/** What is below them is the client's own, whatever it is called. */
const OPAQUE = new Set(['args', 'response', 'parameters', 'parametersJsonSchema', 'responseSchema', 'responseJsonSchema', 'headers']);

/** A request whose names are as the API spells them: it takes `max_output_tokens` for `maxOutputTokens` as well. @throws GatewayError TK_BAD_REQUEST where both are there */
export function camelCased(request: object): object {
  return renamed(request, '', (name, value, at) => (OWN.has(name) ? deeply(value, at) : value));
}

function deeply(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((each, index) => deeply(each, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return value;
  return renamed(value, path, (name, each, at) => (OPAQUE.has(name) ? each : deeply(each, at)));
}

function renamed(of: object, path: string, valueOf: (name: string, value: unknown, at: string) => unknown): object {
  const found = new Map<string, unknown>();
  for (const [key, value] of Object.entries(of)) {
    const name = key.replaceAll(/(?<=[a-z\d])_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
    const at = path === '' ? name : `${path}.${name}`;
    if (found.has(name)) throw badRequest(at, 'is there twice, as Google spells it and with "_"');
    found.set(name, valueOf(name, value, at));
  }
  return Object.fromEntries(found);
}
