import { isCredential } from '../../http/headers.ts';

/** A header of the client, and the attribute that it becomes. */
export interface HeaderAttribute {
  /** Lower case. */
  readonly header: string;
  readonly attribute: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const KEPT_FROM = { SPAN: 'span', LOG: 'log', METRICS: 'metric' } as const;

const ALL = 'OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES';
const DEFAULT = 'agent-session-id:session.id';

/**
 * The headers that become attributes of spans, keys of the access log or labels of metrics, by the reference's settings: those of
 * OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES, then those of the signal's own, which win. The own setting is `agent-session-id:session.id` where
 * it is absent, and none for metrics; empty means none.
 * @param problem told what is wrong with a setting
 */
export function headerAttributes(env: Env, signal: keyof typeof KEPT_FROM, problem: (message: string) => void): readonly HeaderAttribute[] {
  const own = `OTEL_AIGW_${signal}_REQUEST_HEADER_ATTRIBUTES`;
  const byHeader = new Map<string, string>();
  for (const [name, text] of [
    [ALL, env[ALL] ?? ''],
    [own, env[own] ?? (signal === 'METRICS' ? '' : DEFAULT)],
  ] as const) {
    for (const entry of text.split(',')) {
      if (entry.trim() === '') continue;
      const at = entry.indexOf(':');
      const header = entry.slice(0, at).trim().toLowerCase();
      const attribute = entry.slice(at + 1).trim();
      if (at === -1 || header === '' || attribute === '') problem(`${name} is a list of header:attribute, and "${entry.trim()}" is none`);
      else if (isCredential(header) || /(?:^|[-_])(?:api[-_]?key|token|secret|password)$/.test(header))
        problem(`${name}: the header ${header} carries a credential, which no ${KEPT_FROM[signal]} may have`);
      else byHeader.set(header, attribute);
    }
  }
  return [...byHeader].map(([header, attribute]) => ({ header, attribute }));
}
