// For tests and as a server to try the gateway with: an MCP server of 2026-07-28 alone, on node:http, that has what the scenarios of the
// official conformance suite call. It checks headers by itself: what it takes is not what the gateway's own code takes.
// `node gateway/mcp/upstream/modern-everything.fixture.ts 3000` serves http://127.0.0.1:3000/mcp.
import { createHmac, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Extra, PROMPTS, RESOURCES, type Session, TOOLS } from './everything.fixture.ts';

const VERSION = '2026-07-28';
const META = 'io.modelcontextprotocol/';

type Json = Readonly<Record<string, unknown>>;

interface Call {
  readonly id: number | string;
  readonly method: string;
  readonly params: Json;
  readonly meta: Json;
  readonly headers: IncomingHttpHeaders;
  /** The client has left. */
  readonly signal: AbortSignal;
  /** Sends a message before the response; the answer is a stream then. */
  readonly notify: (method: string, params: Json) => void;
}

class Refused extends Error {
  readonly code: number;
  readonly status: number;
  readonly data: unknown;
  constructor(code: number, message: string, { status = 200, data }: { readonly status?: number; readonly data?: unknown } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.data = data;
  }
}

const text = (words: string): Json => ({ content: [{ type: 'text', text: words }] });
const asked = (inputRequests: Json, requestState?: string): Json => ({
  resultType: 'input_required',
  inputRequests,
  ...(requestState !== undefined && { requestState }),
});
const elicit = (message: string, name: string, type = 'string'): Json => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties: { [name]: { type } }, required: [name] } },
});
const sample = (words: string): Json => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: words } }], maxTokens: 100 },
});
const roots: Json = { method: 'roots/list', params: {} };

const SECRET = randomBytes(32);
const mac = (state: string): string => createHmac('sha256', SECRET).update(state).digest('base64url');
const signed = (state: string): string => `${state}.${mac(state)}`;

/** @throws Refused where it was not signed here */
function stateOf({ params }: Call): string | undefined {
  const { requestState } = params;
  if (requestState === undefined) return undefined;
  const [state = '', signature] = typeof requestState === 'string' ? requestState.split('.') : [];
  if (signature !== mac(state)) throw new Refused(-32602, 'requestState was not made here');
  return state;
}

/** The answer to one input request, where the client gave one that is an object. */
function answerTo({ params }: Call, key: string): Json | undefined {
  const answers = params['inputResponses'];
  if (answers === undefined) return undefined;
  if (!isObject(answers)) throw new Refused(-32602, 'inputResponses must be an object');
  const answer = answers[key];
  if (answer !== undefined && !isObject(answer)) throw new Refused(-32602, `inputResponses.${key} must be an object`);
  return answer;
}

interface ModernTool {
  readonly description: string;
  readonly inputSchema?: Json;
  readonly run: (args: Json, call: Call, events: EventEmitter) => Json | Promise<Json>;
}

const wants = (key: string, request: Json, say: (answer: Json) => string): ModernTool => ({
  description: `Asks the client: ${key}`,
  run: (_args, call) => {
    const answer = answerTo(call, key);
    return answer === undefined ? asked({ [key]: request }) : text(say(answer));
  },
});

const ASKING: Readonly<Record<string, ModernTool>> = {
  test_input_required_result_elicitation: wants(
    'user_name',
    elicit('What is your name?', 'name'),
    ({ content }) => `Hello, ${String((content as Json | undefined)?.['name'])}!`,
  ),
  test_input_required_result_sampling: wants('capital_question', sample('What is the capital of France?'), ({ content }) =>
    String((content as Json | undefined)?.['text']),
  ),
  test_input_required_result_list_roots: wants('client_roots', roots, (answer) => JSON.stringify(answer['roots'])),
  test_input_required_result_request_state: {
    description: 'Asks the client, and knows its own state again',
    run: (_args, call) => {
      if (stateOf(call) === undefined) return asked({ confirm: elicit('Please confirm', 'ok', 'boolean') }, signed('confirming'));
      return text('state-ok');
    },
  },
  test_input_required_result_tampered_state: {
    description: 'Asks the client, and takes no state but its own',
    run: (_args, call) => (stateOf(call) === undefined ? asked({ ok: elicit('Ok?', 'ok', 'boolean') }, signed('asked')) : text('state-ok')),
  },
  test_input_required_result_multiple_inputs: {
    description: 'Asks the client for three things',
    run: (_args, call) => {
      const requests = { user_name: elicit('What is your name?', 'name'), greeting: sample('Generate a greeting'), client_roots: roots };
      const open = Object.entries(requests).filter(([key]) => answerTo(call, key) === undefined);
      return open.length > 0 ? asked(Object.fromEntries(open), signed('three')) : text(JSON.stringify(call.params['inputResponses']));
    },
  },
  test_input_required_result_multi_round: {
    description: 'Asks the client twice',
    run: (_args, call) => {
      const state = stateOf(call);
      if (state === undefined) return asked({ step1: elicit('Step 1: What is your name?', 'name') }, signed('1'));
      if (state === '1') return asked({ step2: elicit('Step 2: What is your favorite color?', 'color') }, signed('2'));
      return text('Two rounds');
    },
  },
  test_input_required_result_capabilities: {
    description: 'Asks the client what it can be asked',
    run: (_args, { meta }) => {
      const capabilities = meta[`${META}clientCapabilities`] as Json;
      return asked({
        ...('sampling' in capabilities && { sampled: sample('Hello') }),
        ...('elicitation' in capabilities && { elicited: elicit('Hello?', 'hello') }),
      });
    },
  },
  test_streaming_elicitation: {
    description: 'Tells something, then asks the client',
    run: (_args, call) => {
      call.notify('notifications/progress', { progressToken: call.meta['progressToken'] ?? 'none', progress: 1 });
      return answerTo(call, 'name') === undefined ? asked({ name: elicit('Name?', 'name') }) : text('streamed');
    },
  },
};

const OWN: Readonly<Record<string, ModernTool>> = {
  ...ASKING,
  test_missing_capability: {
    description: 'Needs sampling',
    run: (_args, { meta }) => {
      if ('sampling' in (meta[`${META}clientCapabilities`] as Json)) return text('sampling is there');
      throw new Refused(-32021, 'Missing required client capability', { status: 400, data: { requiredCapabilities: { sampling: {} } } });
    },
  },
  test_logging_tool: { description: 'Logs while it runs', run: (_args, call) => logged(call) },
  test_trigger_tool_change: { description: 'Says that the tools have changed', run: (_args, _call, events) => changed(events, 'tools') },
  test_trigger_prompt_change: {
    description: 'Says that the prompts have changed',
    run: (_args, _call, events) => changed(events, 'prompts'),
  },
  touch_watched: {
    description: 'Changes the resource that can be watched',
    run: (_args, _call, events) => {
      events.emit('updated', 'test://watched-resource');
      return text('touched');
    },
  },
  test_x_mcp_header: {
    description: 'Has a parameter that is in a header as well',
    inputSchema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    },
    run: ({ region }, { headers }) => {
      const header = headers['mcp-param-region'];
      const value = typeof header === 'string' ? decoded(header) : undefined;
      if (value !== region) throw new Refused(-32020, 'Header mismatch: Mcp-Param-Region', { status: 400 });
      return text(`region ${String(region)}`);
    },
  },
  echo_headers: { description: 'Answers with the headers', run: (_args, { headers }) => text(JSON.stringify(headers)) },
  echo_meta: { description: 'Answers with the metadata', run: (_args, { meta }) => text(JSON.stringify(meta)) },
  wait: {
    description: 'Answers when it is cancelled, or after so many milliseconds',
    run: async ({ ms }, { signal }, events) => {
      await sleep(Number(ms ?? 60_000), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) events.emit('cancelled');
      return text(signal.aborted ? 'cancelled' : 'waited');
    },
  },
};

/** What they do is none of this revision's. */
const NOT_HERE: ReadonlySet<string> = new Set(['test_reconnection', 'change_tools']);

/** Thrown where a tool asks the client and there is no answer yet. */
class Asks extends Error {
  readonly request: Json;
  constructor(request: Json) {
    super('the client is asked');
    this.request = request;
  }
}

/** What a tool of the other server needs to run here: a request to the client is answered when the call comes again. */
function extraOf(call: Call): Extra {
  const { meta, notify, signal } = call;
  const extra = {
    _meta: meta,
    signal,
    sendNotification: ({ method, params }: { method: string; params?: unknown }): Promise<void> => {
      if (method !== 'notifications/message' || meta[`${META}logLevel`] !== undefined) notify(method, params as Json);
      return Promise.resolve();
    },
    sendRequest: (request: Json): Promise<Json> => {
      const answer = answerTo(call, 'asked');
      return answer === undefined ? Promise.reject(new Asks(request)) : Promise.resolve(answer);
    },
  };
  return extra as unknown as Extra;
}

/** The tools of the other server, and those of this one. */
const ALL: Readonly<Record<string, ModernTool>> = {
  ...Object.fromEntries(
    Object.entries(TOOLS)
      .filter(([name]) => !NOT_HERE.has(name))
      .map(([name, { description, inputSchema, run }]): [string, ModernTool] => [
        name,
        {
          description,
          ...(inputSchema !== undefined && { inputSchema }),
          run: async (args, call) => {
            try {
              return { ...(await run(args, extraOf(call), undefined as unknown as Session)) };
            } catch (error) {
              if (!(error instanceof Asks)) throw error;
              return asked({ asked: error.request });
            }
          },
        },
      ]),
  ),
  ...OWN,
};

function logged({ meta, notify }: Call): Json {
  if (meta[`${META}logLevel`] !== undefined) notify('notifications/message', { level: 'info', logger: 'modern', data: 'Tool execution' });
  return text('The tool has logged where it may');
}

function changed(events: EventEmitter, list: string): Json {
  events.emit('changed', list);
  return text(`said that ${list} have changed`);
}

const CACHED = { ttlMs: 60_000, cacheScope: 'public' };

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  completions: {},
  logging: {},
};

function resultOf(call: Call, name: string, pageSize: number, events: EventEmitter): Json | Promise<Json> {
  const { method, params } = call;
  switch (method) {
    case 'server/discover':
      return { supportedVersions: [VERSION], capabilities: CAPABILITIES, instructions: `Instructions of ${name}`, ...CACHED };
    case 'tools/list':
      return page(
        'tools',
        call,
        pageSize,
        Object.entries(ALL).map(([tool, { description, inputSchema = { type: 'object', properties: {} } }]) => ({
          name: tool,
          description,
          inputSchema,
        })),
      );
    case 'tools/call': {
      const tool = ALL[String(params['name'])];
      if (tool === undefined || !Object.hasOwn(ALL, String(params['name'])))
        throw new Refused(-32602, `Unknown tool: ${String(params['name'])}`);
      return tool.run((params['arguments'] as Json | undefined) ?? {}, call, events);
    }
    case 'prompts/list':
      return page('prompts', call, pageSize, [
        ...Object.entries(PROMPTS).map(([prompt, { description, arguments: args = [] }]) => ({
          name: prompt,
          description,
          arguments: args,
        })),
        { name: 'test_input_required_result_prompt', description: 'Asks the client', arguments: [] },
      ]);
    case 'prompts/get':
      return promptOf(call);
    case 'resources/list':
      return page(
        'resources',
        call,
        pageSize,
        RESOURCES.map(({ uri, name: title, description, mimeType }) => ({ uri, name: title, description, mimeType })),
      );
    case 'resources/templates/list':
      return {
        resourceTemplates: [
          { uriTemplate: 'test://template/{id}/data', name: 'Template', description: 'Data of an id', mimeType: 'application/json' },
        ],
        ...CACHED,
      };
    case 'resources/read':
      return { contents: [contentsOf(String(params['uri']))], ...CACHED };
    case 'completion/complete': {
      const { value } = params['argument'] as { value: string };
      const values = ['paris', 'park', 'party'].filter((each) => each.startsWith(value));
      return { completion: { values, total: values.length, hasMore: false } };
    }
    default:
      throw new Refused(-32601, `Method not found: ${method}`, { status: 404 });
  }
}

/** A cursor is the number of the entry that the page begins with. */
function page(list: string, { params }: Call, size: number, all: readonly Json[]): Json {
  const from = Number(params['cursor'] ?? 0);
  const next = from + size;
  return { [list]: all.slice(from, next), ...(next < all.length && { nextCursor: String(next) }), ...CACHED };
}

function promptOf(call: Call): Json {
  const name = String(call.params['name']);
  if (name === 'test_input_required_result_prompt') {
    const answer = answerTo(call, 'user_context');
    if (answer === undefined) return asked({ user_context: elicit('What context should the prompt use?', 'context') });
    return { messages: [{ role: 'user', content: { type: 'text', text: JSON.stringify(answer['content']) } }] };
  }
  const prompt = Object.hasOwn(PROMPTS, name) ? PROMPTS[name] : undefined;
  if (prompt === undefined) throw new Refused(-32602, `Unknown prompt: ${name}`);
  return { messages: prompt.messages((call.params['arguments'] as Record<string, string> | undefined) ?? {}) };
}

function contentsOf(uri: string): Json {
  const known = RESOURCES.find((resource) => resource.uri === uri);
  if (known !== undefined) {
    const { mimeType, text: words, blob } = known;
    return { uri, mimeType, ...(blob === undefined ? { text: words ?? '' } : { blob }) };
  }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new Refused(-32602, 'Resource not found', { data: { uri } });
  return { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
}

function decoded(header: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(header)?.[1];
  if (encoded === undefined) return header;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes.toString() : undefined;
}

const SUBJECTS: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

/** @throws Refused */
function check({ method, params, meta, headers }: Omit<Call, 'notify' | 'signal' | 'id'>): void {
  const version = meta[`${META}protocolVersion`];
  if (typeof version !== 'string' || !isObject(meta[`${META}clientCapabilities`]))
    throw new Refused(-32602, 'Invalid params: _meta has no protocolVersion or no clientCapabilities', { status: 400 });
  const mismatch = (what: string): Refused => new Refused(-32020, `Header mismatch: ${what}`, { status: 400 });
  if (headers['mcp-protocol-version'] !== version) throw mismatch('MCP-Protocol-Version');
  if (version !== VERSION)
    throw new Refused(-32022, 'Unsupported protocol version', { status: 400, data: { supported: [VERSION], requested: version } });
  if (headers['mcp-method'] !== method) throw mismatch('Mcp-Method');
  const subject = SUBJECTS[method];
  const header = headers['mcp-name'];
  if (subject !== undefined && (typeof header !== 'string' || decoded(header) !== params[subject])) throw mismatch('Mcp-Name');
}

/** One event stream of what the client wants to hear, until it leaves. */
async function listen(call: Call, response: ServerResponse, events: EventEmitter): Promise<void> {
  const wanted = call.params['notifications'];
  if (!isObject(wanted)) throw new Refused(-32602, 'Invalid params: notifications must be an object');
  const _meta = { [`${META}subscriptionId`]: call.id };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const say = (method: string, params: Json): void => event(response, { jsonrpc: '2.0', method, params: { ...params, _meta } });
  const uris = wanted['resourceSubscriptions'] as readonly string[] | undefined;
  say('notifications/subscriptions/acknowledged', { notifications: wanted });
  const onChanged = (list: string): void => void (wanted[`${list}ListChanged`] === true && say(`notifications/${list}/list_changed`, {}));
  const onUpdated = (uri: string): void => void (uris?.includes(uri) === true && say('notifications/resources/updated', { uri }));
  const onEnd = (): void => {
    event(response, { jsonrpc: '2.0', id: call.id, result: { resultType: 'complete', _meta } });
    response.end();
  };
  events.on('changed', onChanged).on('updated', onUpdated).on('end', onEnd);
  events.emit('listening');
  await once(response, 'close');
  events.off('changed', onChanged).off('updated', onUpdated).off('end', onEnd).emit('left');
}

function event(response: ServerResponse, message: Json): void {
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A running server. */
export interface ModernEverything {
  readonly port: number;
  readonly url: string;
  /**
   * `listening` and `left`: a subscription began, and is over; `cancelled`: a client left the tool `wait`. To emit: `end` ends
   * subscriptions in good order.
   */
  readonly events: EventEmitter;
  /** Methods of the requests that came, in their order. */
  readonly methods: readonly string[];
  close(): Promise<void>;
}

export interface ModernEverythingOptions {
  /** @default any free one */
  readonly port?: number;
  /** What it calls itself. @default everything */
  readonly name?: string;
  /** Entries of a page of a list. @default all */
  readonly pageSize?: number;
}

export async function startModernEverything(options: ModernEverythingOptions = {}): Promise<ModernEverything> {
  const { port = 0, name = 'everything', pageSize = Number.POSITIVE_INFINITY } = options;
  const events = new EventEmitter().setMaxListeners(0);
  const methods: string[] = [];
  const http = createServer((request, response) => void serve(request, response, { name, pageSize, events, methods }));
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const bound = (http.address() as AddressInfo).port;
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}/mcp`,
    events,
    methods,
    close: () => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  };
}

const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

interface Serving {
  readonly name: string;
  readonly pageSize: number;
  readonly events: EventEmitter;
  readonly methods: string[];
}

async function serve(request: IncomingMessage, response: ServerResponse, { name, pageSize, events, methods }: Serving): Promise<void> {
  const { host = '', origin } = request.headers;
  const json = (status: number, body: Json): void => {
    if (response.headersSent) {
      event(response, body);
      response.end();
    } else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  if (!LOCAL.test(host) || (origin !== undefined && !LOCAL.test(origin.replace(/^https?:\/\//, ''))))
    return void response.writeHead(403).end();
  if (request.url !== '/mcp') return void response.writeHead(404).end();
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
  const left = new AbortController();
  response.once('close', () => response.writableFinished || left.abort());
  const message = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Json;
  const { id, method } = message as unknown as Pick<Call, 'id' | 'method'>;
  methods.push(method);
  if (id === undefined) return void response.writeHead(202).end();
  const params = (message['params'] as Json | undefined) ?? {};
  const meta = (params['_meta'] as Json | undefined) ?? {};
  const notify = (notified: string, told: Json): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    event(response, { jsonrpc: '2.0', method: notified, params: told });
  };
  const call: Call = { id, method, params, meta, headers: request.headers, signal: left.signal, notify };
  try {
    check(call);
    if (method === 'subscriptions/listen') return await listen(call, response, events);
    const result = await resultOf(call, name, pageSize, events);
    json(200, {
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', ...result, _meta: { [`${META}serverInfo`]: { name, version: '1.0.0' } } },
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, message: words, data, status } = error;
    json(status, { jsonrpc: '2.0', id, error: { code, message: words, data } });
  }
}

if (import.meta.main) {
  const { url } = await startModernEverything({ port: Number(process.argv[2] ?? 0) });
  process.stdout.write(`${url}\n`);
}
