import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { notPinned, OTHER_CORE } from './processes.ts';

export interface WrkRequest {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WrkResult {
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** First line of what wrk says of itself; undefined: it is not on the PATH. */
export function wrkVersion(): string | undefined {
  try {
    // It ends with 1 after its version.
    execFileSync('wrk', ['-v'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    return /^wrk \S+/.exec(stdout ?? '')?.[0];
  }
  return 'wrk';
}

/** The script for one request: the body and headers as Lua strings, and the figures as one line of JSON. */
export function luaScript({ headers, body }: WrkRequest): string {
  const lines = Object.entries({ 'Content-Type': 'application/json', ...headers }).map(
    ([name, value]) => `wrk.headers[${luaString(name)}] = ${luaString(value)}`,
  );
  return `wrk.method = "POST"
${lines.join('\n')}
wrk.body = ${luaString(body)}
function done(summary, latency)
  local e = summary.errors
  io.stderr:write(string.format('{"requests":%d,"seconds":%.6f,"errors":%d,"p50Ms":%.4f,"p99Ms":%.4f}\\n', summary.requests,
    summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
`;
}

function luaString(text: string): string {
  const escaped = text.replace(/[\\"\n\r\0]/g, (char) => `\\${char.charCodeAt(0).toString().padStart(3, '0')}`);
  return `"${escaped}"`;
}

/** One run of wrk with one thread. wrk counts answers with another status than 2xx and 3xx as errors. */
export async function runWrk(request: WrkRequest, connections: number, seconds: number, folder: string): Promise<WrkResult> {
  const script = join(folder, 'request.lua');
  writeFileSync(script, luaScript(request));
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--timeout', '30s', '-s', script];
  const whole = [...(notPinned === undefined ? ['taskset', '-c', String(OTHER_CORE)] : []), ...wrk];
  const { stderr } = await promisify(execFile)(whole[0] as string, [...whole.slice(1), `http://127.0.0.1:${request.port}${request.path}`]);
  const line = stderr.split('\n').find((each) => each.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`wrk gave no figures: ${stderr.slice(0, 400)}`);
  return JSON.parse(line) as WrkResult;
}
