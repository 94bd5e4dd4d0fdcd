import { hash, randomBytes } from 'node:crypto';

import { ByteReader, ByteWriter, isUuid } from './compact.ts';
import type { SealKeys } from './keys.ts';
import { open, type Place, seal } from './seal.ts';

/**
 * Servers of a session at most, as of an MCPRoute. The text is the other bound (MOST_CHARACTERS). Where all servers give UUIDs, 256 fit
 * whose names begin as the name before and differ in up to 5 characters; of names with 12 characters that have nothing in common, 215.
 */
export const MOST_SERVERS = 256;

/** Where a session is good. */
export type SessionPlace = Pick<Place, 'route' | 'subject'>;

/** One server's part of a session. */
export interface SessionServer {
  readonly name: string;
  /** `Mcp-Session-Id` that the server gave; undefined where it keeps no sessions. */
  readonly sessionId: string | undefined;
  /** Negotiated with the server; empty where it did not answer yet. */
  readonly protocolVersion: string;
  /** Set of SERVER_CAPABILITIES. */
  readonly capabilities: number;
}

/** A session of the legacy era. Its text is the session id of the client, so any replica knows all of it. */
export interface Session {
  /** Random, by `newSessionId`: no two sessions are alike. */
  readonly id: string;
  /** Negotiated with the client. */
  readonly protocolVersion: string;
  /** Set of CLIENT_CAPABILITIES. */
  readonly clientCapabilities: number;
  /** In the order of the route. */
  readonly servers: readonly SessionServer[];
  /** Unix seconds. */
  readonly startedAt: number;
  /** Unix seconds from which on it is no longer good. */
  readonly expiresAt: number;
}

/** @returns 22 characters of base64url: 128 random bits */
export function newSessionId(): string {
  return randomBytes(16).toString('base64url');
}

/** A name for logs, and for what is good in one session alone; it opens nothing. @returns 12 characters of base64url */
export function sessionName(session: Pick<Session, 'id'>): string {
  const known = names.get(session);
  if (known !== undefined) return known;
  const name = hash('sha256', session.id, 'base64url').slice(0, 12);
  names.set(session, name);
  return name;
}

const names = new WeakMap<object, string>();

/**
 * The session as text for `Mcp-Session-Id`, for one route and subject.
 * @returns undefined where it has more than MOST_SERVERS, or more than fits into the text
 */
export function sealSession(session: Session, place: SessionPlace, keys: SealKeys): string | undefined {
  if (session.servers.length > MOST_SERVERS) return undefined;
  const writer = new ByteWriter();
  writer.text(session.id);
  writer.varint(session.startedAt);
  writer.text(session.protocolVersion);
  writer.varint(session.clientCapabilities);
  writeServers(writer, session.servers);
  return seal(writer.done(), 'session/1', placeOf(place), session.expiresAt, keys);
}

/** @returns undefined for what `sealSession` did not write for this route and subject, and for what has expired */
export function openSession(text: string, place: SessionPlace, keys: SealKeys, nowSeconds: number): Session | undefined {
  const opened = open(text, 'session/1', placeOf(place), keys, nowSeconds);
  if (opened === undefined) return undefined;
  const reader = new ByteReader(opened.data);
  const id = reader.text() ?? '';
  const startedAt = reader.varint();
  const protocolVersion = reader.text() ?? '';
  const clientCapabilities = reader.varint();
  const servers = readServers(reader);
  if (!reader.done) return undefined;
  return { id, protocolVersion, clientCapabilities, servers, startedAt, expiresAt: opened.expiresAt };
}

/** The session's name is inside: it cannot be asked for. */
function placeOf({ route, subject }: SessionPlace): Place {
  return { route, subject };
}

/** Protocol version and capabilities: servers of one make have the same ones, so each pair is written once. */
type Profile = Pick<SessionServer, 'protocolVersion' | 'capabilities'>;

const SAME_PROFILE = 2;
const UUID_SESSION = 1;

function writeServers(writer: ByteWriter, servers: readonly SessionServer[]): void {
  const profiles = new Map<string, number>();
  let previous = '';
  let last: number | undefined;
  writer.varint(servers.length);
  for (const { name, sessionId, protocolVersion, capabilities } of servers) {
    const key = `${capabilities} ${protocolVersion}`;
    const profile = profiles.get(key) ?? profiles.size;
    const uuid = sessionId !== undefined && isUuid(sessionId);
    writer.name(name, previous, (profile === last ? SAME_PROFILE : 0) | (uuid ? UUID_SESSION : 0));
    if (profile !== last) writer.varint(profile);
    if (profile === profiles.size) {
      profiles.set(key, profile);
      writer.text(protocolVersion);
      writer.varint(capabilities);
    }
    if (uuid) writer.uuid(sessionId);
    else writer.text(sessionId);
    previous = name;
    last = profile;
  }
}

function readServers(reader: ByteReader): readonly SessionServer[] {
  const profiles: Profile[] = [];
  const servers: SessionServer[] = [];
  let previous = '';
  let last = -1;
  const count = reader.varint();
  while (servers.length < count && reader.good) {
    const { name, flags } = reader.name(previous);
    const profile = (flags & SAME_PROFILE) === 0 ? reader.varint() : last;
    if (profile === profiles.length) profiles.push({ protocolVersion: reader.text() ?? '', capabilities: reader.varint() });
    const sessionId = (flags & UUID_SESSION) === 0 ? reader.text() : reader.uuid();
    servers.push({ name, sessionId, ...(profiles[profile] ?? UNKNOWN) });
    previous = name;
    last = profile;
  }
  return servers;
}

const UNKNOWN: Profile = { protocolVersion: '', capabilities: 0 };
