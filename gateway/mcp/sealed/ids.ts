import { ByteReader, ByteWriter } from './compact.ts';
import type { SealKeys } from './keys.ts';
import { open, type Place, type Purpose, seal, sign, verify } from './seal.ts';

/*
 * Texts that the client gives back as it got them, which say whose they are: cursors, event ids, ids of requests, progress tokens and
 * states. The client may read what a server told it; it cannot make up, change, or carry one to another route, subject or session.
 */

/** Where a list goes on: a server that is still to be listed. */
export interface ListPosition {
  readonly server: string;
  /** The server's own cursor; undefined where its list has not begun. */
  readonly cursor: string | undefined;
}

/** Where a list is good: `about` is its method, such as `tools/list`. */
export type ListPlace = Pick<Place, 'route' | 'subject'> & { readonly about: string };

/** Where what belongs to one session is good. Sessions have names (`sessionName`); in the modern era the name is empty. */
export type InSession = Pick<Place, 'route' | 'subject'> & { readonly session: string };

/** The last event that a server sent on a stream. */
export interface ServerEvent {
  readonly server: string;
  readonly eventId: string;
}

/** How far a stream to the client is. */
export interface StreamPosition {
  /** JSON text of the id of the request that the stream answers; undefined for the stream of a GET, which merges servers' streams. */
  readonly request: string | undefined;
  /** Only of servers that have sent an event with an id. */
  readonly events: readonly ServerEvent[];
}

/** An id or a token of a server, for the client. */
export interface OfServer {
  readonly server: string;
  /** The server's own, as JSON text: `'1'` and `'"1"'` are two. */
  readonly json: string;
}

/** What a server wants back when the client sends a request again. */
export interface ServerState {
  readonly server: string;
  /** The server's own `requestState`. */
  readonly state: string | undefined;
}

/** Where a state is good: `about` says the request that is sent again, such as its method and name. */
export type StatePlace = ListPlace;

/**
 * Cursor for `nextCursor` of a merged list.
 * @returns undefined where the servers' own cursors are too long together (MOST_CHARACTERS)
 */
export function sealCursor(positions: readonly ListPosition[], place: ListPlace, keys: SealKeys): string | undefined {
  const writer = new ByteWriter();
  writeNamed(
    writer,
    positions.map(({ server, cursor }) => [server, cursor]),
  );
  return sign(writer.done(), 'cursor/1', placeOfList(place), keys);
}

/** @returns undefined for what is no cursor of this list, route and subject */
export function openCursor(text: string, place: ListPlace, keys: SealKeys): readonly ListPosition[] | undefined {
  return read(text, 'cursor/1', placeOfList(place), keys, (reader) => readNamed(reader).map(([server, cursor]) => ({ server, cursor })));
}

/**
 * SSE `id` of the event that takes a stream to this position.
 * @returns undefined where the servers' own ids are too long together (MOST_CHARACTERS): then send the event without one, and a client
 * that comes back goes on from the last id it has, so it hears some events twice rather than missing any
 */
export function sealEventId(position: StreamPosition, place: InSession, keys: SealKeys): string | undefined {
  const writer = new ByteWriter();
  writer.text(position.request);
  writeNamed(
    writer,
    position.events.map(({ server, eventId }) => [server, eventId]),
  );
  return sign(writer.done(), 'event/1', placeInSession(place), keys);
}

/** Reads `Last-Event-ID`. @returns undefined for what is no event id of this session, route and subject */
export function openEventId(text: string, place: InSession, keys: SealKeys): StreamPosition | undefined {
  return read(text, 'event/1', placeInSession(place), keys, (reader) => ({
    request: reader.text(),
    events: readNamed(reader).map(([server, eventId]) => ({ server, eventId: eventId ?? '' })),
  }));
}

/** Id, a string, of a server's request as the client gets it. @returns undefined where the server's is too long (MOST_CHARACTERS) */
export function sealRequestId(id: OfServer, place: InSession, keys: SealKeys): string | undefined {
  return sealOfServer(id, 'request/1', place, keys);
}

/** The request that a client answers. @returns undefined for what is no such id of this session, route and subject */
export function openRequestId(text: string, place: InSession, keys: SealKeys): OfServer | undefined {
  return openOfServer(text, 'request/1', place, keys);
}

/** Progress token, a string, of a server's request as the client gets it. @returns undefined where it is too long (MOST_CHARACTERS) */
export function sealProgressToken(token: OfServer, place: InSession, keys: SealKeys): string | undefined {
  return sealOfServer(token, 'progress/1', place, keys);
}

/** The token that a client's progress is for. @returns undefined for what is no such token of this session, route and subject */
export function openProgressToken(text: string, place: InSession, keys: SealKeys): OfServer | undefined {
  return openOfServer(text, 'progress/1', place, keys);
}

/**
 * `requestState` as the client gets it. It is encrypted and expires, which the specification wants of a state that decides anything.
 * @param expiresAt Unix seconds
 * @returns undefined where the server's state is too long (MOST_CHARACTERS)
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export function sealState(state: ServerState, place: StatePlace, expiresAt: number, keys: SealKeys): string | undefined {
  const writer = new ByteWriter();
  writer.text(state.server);
  writer.text(state.state);
  return seal(writer.done(), 'state/1', placeOfList(place), expiresAt, keys);
}

/** @returns undefined for what is no state of this request, route and subject, and for what has expired */
export function openState(text: string, place: StatePlace, keys: SealKeys, nowSeconds: number): ServerState | undefined {
  const opened = open(text, 'state/1', placeOfList(place), keys, nowSeconds);
  if (opened === undefined) return undefined;
  const reader = new ByteReader(opened.data);
  const state = { server: reader.text() ?? '', state: reader.text() };
  return reader.done ? state : undefined;
}

function sealOfServer({ server, json }: OfServer, purpose: Purpose, place: InSession, keys: SealKeys): string | undefined {
  const writer = new ByteWriter();
  writer.text(server);
  writer.text(json);
  return sign(writer.done(), purpose, placeInSession(place), keys);
}

function openOfServer(text: string, purpose: Purpose, place: InSession, keys: SealKeys): OfServer | undefined {
  return read(text, purpose, placeInSession(place), keys, (reader) => ({ server: reader.text() ?? '', json: reader.text() ?? '' }));
}

function read<T>(text: string, purpose: Purpose, place: Place, keys: SealKeys, values: (reader: ByteReader) => T): T | undefined {
  const data = verify(text, purpose, place, keys);
  if (data === undefined) return undefined;
  const reader = new ByteReader(data);
  const value = values(reader);
  return reader.done ? value : undefined;
}

// An object that has more members than its type is the same place.
function placeOfList({ route, subject, about }: ListPlace): Place {
  return { route, subject, about };
}

function placeInSession({ route, subject, session }: InSession): Place {
  return { route, subject, session };
}

function writeNamed(writer: ByteWriter, items: readonly (readonly [name: string, text: string | undefined])[]): void {
  let previous = '';
  writer.varint(items.length);
  for (const [name, text] of items) {
    writer.name(name, previous, 0);
    writer.text(text);
    previous = name;
  }
}

function readNamed(reader: ByteReader): readonly (readonly [name: string, text: string | undefined])[] {
  const items: (readonly [string, string | undefined])[] = [];
  let previous = '';
  const count = reader.varint();
  while (items.length < count && reader.good) {
    const { name } = reader.name(previous);
    items.push([name, reader.text()]);
    previous = name;
  }
  return items;
}
