import { setTimeout as sleep } from 'node:timers/promises';

import { callServer, type ServerAnswer } from './call.ts';
import { follow, type FollowOptions } from './follow.ts';
import type { ServerMessage } from './inbox.ts';
import type { McpServer } from './server.ts';

/** Time for the head of the stream: some servers wait with it until they have something to say. */
const OPEN_MS = 1000;

/** The stream on which a server of the legacy era says what belongs to no request, until the signal ends it. */
export class StandingStream {
  readonly #server: McpServer;
  readonly #options: FollowOptions;
  readonly #answer: Promise<ServerAnswer>;

  constructor(server: McpServer, options: FollowOptions) {
    this.#server = server;
    this.#options = options;
    this.#answer = callServer(server, { method: 'GET', ...options });
    // Who opens it need not wait for it.
    this.#answer.catch(() => undefined);
  }

  /** What the server says from now on is heard, as far as that can be known. @throws ServerFailed */
  async opened(): Promise<void> {
    await Promise.race([this.#answer, sleep(OPEN_MS, undefined, { ref: false })]);
  }

  /** Whether the server has such a stream. @throws ServerFailed */
  async isThere(): Promise<boolean> {
    return (await this.#answer).status !== 405;
  }

  /** As {@link follow}. @throws ServerFailed */
  async *messages(): AsyncGenerator<ServerMessage, void, undefined> {
    if (!(await this.isThere())) return;
    const { messages, cursor } = await this.#answer;
    yield* messages;
    yield* follow(this.#server, { ...this.#options, ...cursor });
  }
}
