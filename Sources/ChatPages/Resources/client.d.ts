/** Types of the client of Chat API. docs/clients.md shows how to use it. */

/** A JSON object that your application defines. */
export type Metadata = { [name: string]: unknown };

/** A date and time in UTC, such as `2026-11-24T09:00:01.000000Z`. */
export type Instant = string;

/** A position in a chat's log: a number, or a number with its epoch, such as `7f3c9a01.17`. */
export type Position = number | string;

export type Role = "reader" | "member" | "moderator" | "owner";
export type Visibility = "private" | "open";

export interface User {
    id: string;
    kind: "person" | "bot";
    name?: string;
    avatar_url?: string;
    metadata?: Metadata;
    created_at: Instant;
}

/** The caller, as the server sees it. A server key that acts as no user has neither `user` nor `role`. */
export interface Caller {
    user: User | null;
    role: "user" | "guest" | "admin" | "bot" | null;
    scope: string | null;
    expires_at: Instant | null;
}

export interface ChatInfo {
    id: number;
    title: string;
    created_at: Instant;
    /** The last position of the chat's log. */
    last_seq: number;
    last_message_at: Instant | null;
    message_count: number;
    visibility: Visibility;
    metadata?: Metadata;
}

/** How far the user has read. `unread` ends at 100; `more` says that there are more. */
export interface ReadMarker {
    read_seq: number;
    unread: number;
    more?: true;
}

export interface ListedChat extends ChatInfo, Partial<ReadMarker> {
    last_message?: Message;
    role?: Role;
}

interface MessageFields {
    id: number;
    chat_id: number;
    /** The position at which the message was posted. It never changes. */
    seq: number;
    author?: string;
    text: string;
    created_at: Instant;
    /** Starts at 1 and increments with each edit. */
    revision: number;
    edited_at?: Instant;
    reply_to?: number;
    metadata?: Metadata;
    /** The key under which the message was sent. */
    idempotency_key?: string;
    deleted_at?: undefined;
}

/** A message that was posted whole. */
export interface PostedMessage extends MessageFields {
    state?: undefined;
}

/** A message whose text grows: `grow` applies what is appended. */
export interface OpenMessage extends MessageFields {
    state: "open";
    /** The length of the text in Unicode scalars. */
    length: number;
    /** What the writer is doing, as the last piece says. The server does not store it. */
    status?: string;
}

/** A message that was open. */
export interface EndedMessage extends MessageFields {
    state: "done" | "failed" | "cancelled";
    /** Why it failed or was canceled; `abandoned` if its writer went silent. */
    reason?: string;
}

export type Message = PostedMessage | OpenMessage | EndedMessage;

/** A deleted message. */
export interface Tombstone {
    id: number;
    chat_id: number;
    seq: number;
    author?: string;
    text: "";
    created_at: Instant;
    state?: undefined;
    deleted_at: Instant;
}

export interface Member {
    user_id: string;
    role: Role;
    joined_seq: number;
}

interface Entry {
    /** The entry's position. */
    seq: number;
    chat_id: number;
    author?: string;
    at: Instant;
}

export interface MessageEntry extends Entry {
    type: "message.created" | "message.updated" | "message.deleted";
    /** The message in its current state, which may be newer than the entry. */
    message: Message | Tombstone;
}

export interface ChatEntry extends Entry {
    type: "chat.updated";
    chat: ChatInfo;
}

export interface MemberEntry extends Entry {
    type: "member.joined" | "member.updated" | "member.left";
    chat: ChatInfo;
    users: string[];
    /** Absent if they left. */
    role?: Role;
}

/** What happened at a position of a chat's log. */
export type LogEntry = MessageEntry | ChatEntry | MemberEntry;

/** Someone is typing. It is not stored. */
export interface TypingEvent {
    type: "typing";
    chat_id: number;
    author?: string;
    at: Instant;
    metadata?: Metadata;
}

/** The text of an open message has grown. It is not stored. Apply it with `grow`. */
export interface AppendedEvent {
    type: "message.appended";
    chat_id: number;
    message_id: number;
    /** Where the piece belongs, in Unicode scalars: it replaces what the text has from there on. */
    at: number;
    text: string;
    /** What the writer is doing. */
    status?: string;
}

/** The writer of an open message is to stop. It is not stored. */
export interface CancelRequestedEvent {
    type: "message.cancel_requested";
    chat_id: number;
    message_id: number;
}

/** Everything that existed when the stream started or was interrupted has been sent. */
export interface CaughtUpEvent {
    type: "caught_up";
}

/** Positions have changed: clear what you show. Everything is sent again from the start. */
export interface ResetEvent {
    type: "reset";
    epoch: string;
}

/** The chat was deleted, or the user left it. It is the last event. */
export interface ChatDeletedEvent {
    type: "chat.deleted";
    chat_id: number;
}

/** An event of a chat. Ignore types that you do not know: later servers may send more. */
export type ChatEvent =
    | LogEntry
    | AppendedEvent
    | CancelRequestedEvent
    | TypingEvent
    | CaughtUpEvent
    | ResetEvent
    | ChatDeletedEvent;

/**
 * Applies a piece of text to the message that it belongs to, and returns the message as it is then. The message does not
 * change if it is another one, or if it is not open.
 */
export function grow(message: Message, event: AppendedEvent): Message;

/** The state of one of the user's chats. It replaces earlier lines about the chat. */
export interface InboxLine extends ReadMarker {
    type: "chat";
    chat_id: number;
    last_seq: number;
    chat: ChatInfo;
    last_message?: Message;
    role: Role;
}

/** The user is no longer a member, or the chat was deleted. */
export interface LeftLine {
    type: "left";
    chat_id: number;
}

export type InboxEvent = InboxLine | LeftLine | CaughtUpEvent | ResetEvent;

export interface LogPage {
    entries: LogEntry[];
    last_seq: number;
    epoch: string;
}

export interface MessagePage {
    messages: (Message | Tombstone)[];
    has_before: boolean;
    has_after: boolean;
    last_seq: number;
    epoch: string;
}

/**
 * Keeps what must survive a restart: the position of each chat and of the inbox, and the unsent messages. Calls take
 * effect in the order in which they are made. Two clients never share a store.
 */
export interface ChatStore {
    get(name: string): string | null | Promise<string | null>;
    /** Stores a value; null removes it. */
    set(name: string, value: string | null): void | Promise<void>;
}

export interface ChatClientOptions {
    /** The server, such as `https://chat.example.com` or, behind a proxy, `https://example.com/chat`. */
    url: string | URL;
    /**
     * Returns a user's token, a server key, or null for none. It is called when there is no token, when the token
     * expires within 60 seconds and when the server has rejected it; never twice at once. If it throws, the client tries
     * again later.
     */
    token?: () => string | null | Promise<string | null>;
    /** In memory by default. */
    store?: ChatStore;
    /** The longest wait before the second attempt to connect, in seconds: 0.5. It doubles with each attempt. */
    minDelay?: number;
    /** The longest wait between attempts, in seconds: 30. The server may ask for more. */
    maxDelay?: number;
    /** Makes all requests, in place of the global `fetch`. */
    fetch?: typeof globalThis.fetch;
}

/**
 * `idle`: nothing is streamed. `offline`: the client waits before it connects again. `catching_up`: it receives what it
 * has missed. `live`: it has everything.
 */
export type Status = "idle" | "offline" | "connecting" | "catching_up" | "live";

/** Why a request or the stream failed. */
export class ChatError extends Error {
    /** The HTTP status; 0 if there was no response. */
    readonly status: number;
    /**
     * The server's `code`, or one of the client's own: `network_error`, `token_unavailable` (`detail` is the reason that
     * the application's `token` threw), `store_failed`, `discarded`, `client_closed`, `cancel_requested`, and
     * `idempotency_key_reused` without a `status` if the key is that of another unsent message.
     */
    readonly code: string;
    /** The server's `detail`: a text or, with `validation_failed`, a list. */
    readonly detail: unknown;
    readonly requestID: string | null;
    /** In seconds. */
    readonly retryAfter: number | null;
    /** With `offset_mismatch`: the length of the message's text, where its writer continues. */
    readonly length?: number;
    /** Whether the same request may succeed later. */
    readonly isTemporary: boolean;
}

/** A message that the client sends, or could not send. */
export interface PendingMessage {
    readonly chatID: number;
    readonly text: string;
    readonly key: string;
    readonly replyTo: number | null;
    readonly metadata: Metadata | null;
    readonly status: "pending" | "sent" | "failed";
    /** The message in the chat once the status is `sent`. */
    readonly message: Message | Tombstone | null;
    /** Why the server rejected the message, if the status is `failed`. */
    readonly error: ChatError | null;
    /**
     * Resolves when the message is sent and rejects when it fails. You need not wait for it. If the client is closed
     * before, it rejects with `client_closed`, and the status stays `pending`: the next client with the same store sends
     * the message.
     */
    readonly result: Promise<Message | Tombstone>;
}

export interface ReplyOptions {
    replyTo?: number;
    metadata?: Metadata;
    /** How many seconds the server waits for a sign of life before it ends the message: 5 to 600, 60 by default. */
    ttl?: number;
    /** The idempotency key, a UUID by default. A second reply with the same key writes the same message. */
    key?: string;
}

/**
 * A message that is read while it is written. The client appends what you write until you end the message, and tells the
 * server that the writer still exists while you write nothing. Its text has at most 32,768 characters.
 */
export interface Reply {
    /** The message's id, once the server has opened it. Rejects if it refuses to. */
    readonly id: Promise<number>;
    /** Whether the message was ended here. What is written after that is ignored. */
    readonly closed: boolean;
    /**
     * Aborts when the writer is to stop. The reason is a `ChatError`: someone asked for it (`cancel_requested`), the
     * message has ended for another reason (`message_not_open`), or the server refuses what was written. Without a stream of
     * the chat, the client learns of it when it appends.
     */
    readonly signal: AbortSignal;

    /**
     * Appends a text and returns at once. Network errors never lose or repeat a piece.
     *
     * `status` says what the writer is doing (at most 200 characters); the next text without one clears it.
     */
    write(text: string, options?: { status?: string }): void;
    /**
     * Writes every piece of a source and ends the message: as done after the last one, as canceled when someone asks for
     * it, and as failed if the source throws or the server refuses a piece, and then throws that error. Returns the
     * message as it has ended; if an earlier process has ended it, nothing is taken from the source.
     */
    pipe(source: AsyncIterable<string>): Promise<Message | Tombstone>;
    /** Ends the message. `text` replaces what was written. */
    done(options?: { text?: string; metadata?: Metadata | null }): Promise<Message>;
    /** Ends the message with a reason for its readers, of at most 200 characters. */
    fail(reason?: string): Promise<Message>;
    /** Ends the message because someone asked for it. */
    cancel(reason?: string): Promise<Message>;
}

interface Cancelable {
    signal?: AbortSignal;
}

/** A chat. Requests that fail throw a `ChatError`; those that change nothing are retried while the server is away. */
export interface Chat {
    readonly id: number;

    /**
     * Streams the chat's events: log entries in order of `seq`, each once and none missing, and notices in between. It
     * starts after `after` or, without it, after the last event that was handled, or now. An event is handled when the
     * loop asks for the next one. The loop ends after `chat.deleted`, with `signal`, or when the client is closed.
     * It throws a `RangeError` if more than 50 chats are streamed, and a `ChatError` if the server refuses the stream.
     * Several loops over one chat each get every event, but they store their position at the same place.
     */
    events(options?: Cancelable & { after?: Position }): AsyncGenerator<ChatEvent, void, void>;

    /** The messages that are not sent yet or have failed, in order. */
    readonly pending: PendingMessage[];

    /**
     * Sends a message and returns at once. The message is sent once, however often it takes, and after those sent
     * before it. The client dispatches `outbox` when its status changes.
     *
     * `key` is the idempotency key, a UUID by default. Name it after what you react to, and you react only once, even if
     * you handle an event again after a crash: the key of an unsent message returns that message, and sends it again if
     * it has failed. With another content, the new message fails with `idempotency_key_reused`.
     */
    send(text: string, options?: { key?: string; replyTo?: number; metadata?: Metadata }): PendingMessage;
    /** Sends a failed message again, after those that are pending. */
    retry(pending: PendingMessage): void;
    /** Removes a message that is not sent yet or has failed. If its request has been made, the server may still post it. */
    discard(pending: PendingMessage): void;

    /**
     * Opens a message whose text you write piece by piece, and returns at once. If the process ends before the message
     * does, the server ends it as failed.
     */
    reply(options?: ReplyOptions): Reply;
    /**
     * Asks the writer of an open message to stop, which everyone who may post can do. If the writer does not end it, the
     * server does so after 5 seconds.
     */
    cancel(message: number | Message, options?: Cancelable): Promise<void>;

    /** The chat and its latest messages without deleted ones, 20 by default and at most 100. */
    get(options?: Cancelable & { limit?: number }): Promise<ChatInfo & { messages: Message[] }>;
    /** A page of messages before, after or around a position; without one, the latest. */
    messages(
        options?: Cancelable & { before?: Position; after?: Position; around?: Position; limit?: number },
    ): Promise<MessagePage>;
    log(options?: Cancelable & { after?: Position; limit?: number }): Promise<LogPage>;

    /**
     * Changes a message's text, its metadata or both. With `revision`, fails with `revision_mismatch` if someone else
     * has changed the message.
     */
    edit(
        message: number | Message,
        change: string | { text?: string; metadata?: Metadata | null },
        options?: Cancelable & { revision?: number },
    ): Promise<Message>;
    delete(message: number | Message, options?: Cancelable & { revision?: number }): Promise<void>;

    /** Tells others that the user is typing. Call it every few seconds. */
    typing(metadata?: Metadata): Promise<void>;
    /** Moves the user's read marker forward, or with `back` to an earlier position. */
    read(seq: number, options?: Cancelable & { back?: boolean }): Promise<ReadMarker>;

    members(
        options?: Cancelable & { cursor?: string; limit?: number },
    ): Promise<{ members: Member[]; next_cursor: string | null }>;
    addMembers(users: string[], role?: Role): Promise<{ members: Member[] }>;
    removeMember(user: string): Promise<void>;
}

export interface ChatClientEvents {
    /**
     * `status` has changed. `error` says why the client is `offline`: with the `status` 401, the server refuses the token,
     * also after `token` was called again.
     */
    status: CustomEvent<{ status: Status; error?: ChatError }>;
    /** A message was stored for sending, sent, or rejected. */
    outbox: CustomEvent<PendingMessage>;
}

/** Connects an application to the server. All streams share one connection, which exists while something is streamed. */
export class ChatClient extends EventTarget {
    /** Sends what is unsent in the store. Nothing else happens until you ask for it. */
    constructor(options: ChatClientOptions);

    readonly status: Status;

    /** The messages of all chats that are not sent yet or have failed, in order. */
    readonly pending: PendingMessage[];

    /**
     * Ends all streams and requests. Unsent messages stay in the store, and their `result` rejects with `client_closed`.
     * What you send afterwards fails.
     */
    close(): void;
    /** Ends waits between attempts. Browsers do this themselves when they are online again. */
    networkRestored(): void;

    /** The same object for the same id. It makes no request. */
    chat(id: number): Chat;
    /**
     * Streams the state of the user's chats: first those that changed since the last line that was handled, then each
     * that changes. A slow loop gets fewer lines, not late ones.
     */
    inbox(options?: Cancelable): AsyncGenerator<InboxEvent, void, void>;

    me(options?: Cancelable): Promise<Caller>;
    /** The profiles of up to 100 users; those that do not exist are left out. */
    users(ids: string[], options?: Cancelable): Promise<{ users: User[] }>;
    /** How many chats have unread messages. */
    unread(options?: Cancelable): Promise<{ chats: number }>;
    /** A page of the user's chats, most recently active first. `q` finds titles that contain it. */
    chats(
        options?: Cancelable & { q?: string; cursor?: string; limit?: number },
    ): Promise<{ chats: ListedChat[]; next_cursor: string | null }>;
    /** Creates a chat once, however often the request is retried. */
    createChat(
        draft: Cancelable & {
            title: string;
            members?: string[];
            visibility?: Visibility;
            metadata?: Metadata;
            key?: string;
        },
    ): Promise<ChatInfo>;
    /** The direct chat with a user, which is created if there is none. */
    direct(user: string, options?: Cancelable): Promise<ChatInfo>;

    addEventListener<K extends keyof ChatClientEvents>(
        type: K,
        listener: (event: ChatClientEvents[K]) => void,
        options?: boolean | AddEventListenerOptions,
    ): void;
    addEventListener(
        type: string,
        listener: EventListenerOrEventListenerObject | null,
        options?: boolean | AddEventListenerOptions,
    ): void;
    removeEventListener<K extends keyof ChatClientEvents>(
        type: K,
        listener: (event: ChatClientEvents[K]) => void,
        options?: boolean | EventListenerOptions,
    ): void;
    removeEventListener(
        type: string,
        listener: EventListenerOrEventListenerObject | null,
        options?: boolean | EventListenerOptions,
    ): void;
}
