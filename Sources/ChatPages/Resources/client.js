// @ts-check

// The client of Chat API for browsers and Node: one module without dependencies. docs/clients.md shows how to use it,
// and client.d.ts describes its API.

/**
 * @typedef {import("./client.js").AppendedEvent} AppendedEvent
 * @typedef {import("./client.js").Chat} ChatAPI
 * @typedef {import("./client.js").ChatClient} ChatClientAPI
 * @typedef {import("./client.js").ChatClientOptions} ChatClientOptions
 * @typedef {import("./client.js").ChatError} ChatErrorAPI
 * @typedef {import("./client.js").ChatEvent} ChatEvent
 * @typedef {import("./client.js").ChatStore} ChatStore
 * @typedef {import("./client.js").InboxEvent} InboxEvent
 * @typedef {import("./client.js").LogEntry} LogEntry
 * @typedef {import("./client.js").LogPage} LogPage
 * @typedef {import("./client.js").Message} Message
 * @typedef {import("./client.js").Metadata} Metadata
 * @typedef {import("./client.js").PendingMessage} PendingMessageAPI
 * @typedef {import("./client.js").Reply} ReplyAPI
 * @typedef {import("./client.js").ReplyOptions} ReplyOptions
 * @typedef {import("./client.js").Role} Role
 * @typedef {import("./client.js").Status} Status
 * @typedef {import("./client.js").Tombstone} Tombstone
 * @typedef {import("./client.js").Visibility} Visibility
 *
 * @typedef {{ epoch: string | null, seq: number }} Position
 * @typedef {{ query?: Record<string, unknown>, body?: unknown, headers?: Record<string, string> }} RequestParts
 * @typedef {RequestParts & { retry?: boolean, signal?: AbortSignal }} RequestOptions
 * @typedef {{ type: string, [field: string]: any }} StreamEvent
 * @typedef {{ pending: PendingMessage, controller: AbortController }} Delivery
 * @typedef {{ event: any, after: number }} Queued
 */

const MAX_FOLLOWED_CHATS = 50;
const MAX_QUEUED_EVENTS = 1000;
const LOG_PAGE = 100;
// A connection that was lost silently is noticed only by a request that gets no response.
const RESPONSE_TIMEOUT = 10_000;
const BODY_TIMEOUT = 30_000;
const DEFAULT_HEARTBEAT_SECONDS = 15;
const DEAD_AFTER_HEARTBEATS = 2.5;
const RENEW_TOKEN_BEFORE = 60_000;
const DEFAULT_TTL_SECONDS = 60;
// A longer timer fires at once.
const MAX_TIMER = 2 ** 31 - 1;

/** @param {number} milliseconds */
const timerDelay = (milliseconds) => Math.min(Math.max(milliseconds, 0), MAX_TIMER);

// Codes of the client's own with which the same would fail again.
const FINAL_CODES = new Set([
    "cancel_requested", "client_closed", "discarded", "idempotency_key_reused", "store_failed",
]);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A version 4 UUID. `crypto.randomUUID` is missing on pages that are served over plain HTTP.
 */
function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * A controller that aborts with the signal. Abort it when the work is done: it then stops listening.
 * @param {AbortSignal | undefined} signal
 */
function linkedController(signal) {
    const controller = new AbortController();
    if (signal?.aborted) controller.abort(signal.reason);
    signal?.addEventListener("abort", () => controller.abort(signal.reason), { signal: controller.signal });
    return controller;
}

/**
 * The promise's outcome, or a rejection as soon as the signal aborts.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
function untilAborted(promise, signal) {
    return new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason);
        if (signal.aborted) abort();
        signal.addEventListener("abort", abort);
        promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
}

/**
 * The promise's outcome. If it takes longer than some milliseconds, the controller aborts what it waits for.
 * @template T
 * @param {number} milliseconds
 * @param {AbortController} controller
 * @param {Promise<T>} promise
 */
function within(milliseconds, controller, promise) {
    const timer = setTimeout(() => controller.abort(), milliseconds);
    return promise.finally(() => clearTimeout(timer));
}

/**
 * Why a request or the stream failed. `status` is 0 if there was no response.
 * @implements {ChatErrorAPI}
 */
export class ChatError extends Error {
    /**
     * @param {string} code
     * @param {unknown} detail
     * @param {{ status?: number, requestID?: string | null, retryAfter?: number | null, length?: number, cause?: unknown }} context
     */
    constructor(code, detail, { status = 0, requestID = null, retryAfter = null, length, cause } = {}) {
        super(typeof detail === "string" ? detail : JSON.stringify(detail), { cause });
        this.name = "ChatError";
        this.status = status;
        this.code = code;
        this.detail = detail;
        this.requestID = requestID;
        this.retryAfter = retryAfter;
        this.length = length;
    }

    /** Whether the same request may succeed later. */
    get isTemporary() {
        if (this.status === 0) return !FINAL_CODES.has(this.code);
        return this.status === 408 || this.status === 429 || this.status >= 500 || this.code === "writer_replaced";
    }

    /** @param {Response} response */
    static async of(response) {
        const body = await response.json().catch(() => null);
        const retryAfter = response.headers.get("Retry-After");
        return new ChatError(body?.code ?? `http_${response.status}`, body?.detail ?? response.statusText, {
            status: response.status,
            requestID: response.headers.get("X-Request-ID"),
            retryAfter: retryAfter === null ? null : secondsUntil(retryAfter),
            length: body?.length,
        });
    }
}

/**
 * Reads `Retry-After`, a number of seconds or a date.
 * @param {string} retryAfter
 */
function secondsUntil(retryAfter) {
    const seconds = Number(retryAfter);
    return Number.isNaN(seconds) ? Math.max(0, (Date.parse(retryAfter) - Date.now()) / 1000) || 0 : seconds;
}

/** Delays between attempts: random between 0 and a bound, which doubles with each attempt. In seconds. */
export class Backoff {
    #minDelay;
    #maxDelay;
    #random;
    #bound;

    constructor(minDelay = 0.5, maxDelay = 30, random = Math.random) {
        this.#minDelay = minDelay;
        this.#maxDelay = maxDelay;
        this.#random = random;
        this.#bound = minDelay;
    }

    /** The next delay, which is at least what the server asked for. */
    next(atLeast = 0) {
        const delay = this.#random() * this.#bound;
        this.#bound = Math.min(this.#bound * 2, this.#maxDelay);
        return Math.max(delay, atLeast);
    }

    reset() {
        this.#bound = this.#minDelay;
    }
}

/** Parses JSON lines from the chunks in which they arrive. Empty lines, which are heartbeats, are skipped. */
export class LineReader {
    #decoder = new TextDecoder();
    #rest = "";

    /**
     * Returns the events of the lines that are complete. Throws if a line is not JSON.
     * @param {Uint8Array} chunk
     * @returns {StreamEvent[]}
     */
    push(chunk) {
        const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
        this.#rest = lines.pop() ?? "";
        return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
    }
}

/**
 * Parses a position such as `17`, `"17"` or `"7f3c9a01.17"`.
 * @param {number | string} text
 * @returns {Position}
 */
export function parsePosition(text) {
    const match = /^(?:([0-9a-f]{8})\.)?(\d+)$/.exec(String(text));
    if (!match) throw new TypeError(`"${text}" is not a position`);
    return { epoch: match[1] ?? null, seq: Number(match[2]) };
}

/** @param {Position} position */
export function formatPosition({ epoch, seq }) {
    return epoch === null ? String(seq) : `${epoch}.${seq}`;
}

/**
 * Applies a piece of text to the message that it belongs to: truncates the text, then appends the piece.
 * @param {Message} message
 * @param {AppendedEvent} event
 * @returns {Message}
 */
export function grow(message, event) {
    if (message.id !== event.message_id || message.state !== "open") return message;
    const text = spliced(message.text, event.at, event.text);
    if (text === null) return message;
    return { ...message, text, length: event.at + lengthOf(event.text), status: event.status };
}

/**
 * The text up to an offset, and a piece after it; null if the offset is beyond the end.
 * @param {string} text
 * @param {number} offset
 * @param {string} piece
 */
function spliced(text, offset, piece) {
    const index = indexOf(text, offset);
    return index === null ? null : text.slice(0, index) + piece;
}

/**
 * The length of a text in Unicode scalars, in which the server counts.
 * @param {string} text
 */
function lengthOf(text) {
    let length = 0;
    for (const _ of text) length += 1;
    return length;
}

/**
 * Where a string has an offset of Unicode scalars; null if it is beyond the end.
 * @param {string} text
 * @param {number} offset
 */
function indexOf(text, offset) {
    let index = 0;
    for (let rest = offset; rest > 0; rest -= 1) {
        const scalar = text.codePointAt(index);
        if (scalar === undefined) return null;
        index += scalar > 0xffff ? 2 : 1;
    }
    return index;
}

/** Holds a token until it expires or is rejected. Calls the application for the next one, one call at a time. */
export class TokenSource {
    #callback;
    #now;
    /** @type {{ token: string | null, renewAt: number } | null} */
    #held = null;
    /** @type {Promise<string | null> | null} */
    #call = null;

    /**
     * @param {() => string | null | Promise<string | null>} callback
     * @param {() => number} now in milliseconds
     */
    constructor(callback, now = Date.now) {
        this.#callback = callback;
        this.#now = now;
    }

    /** @returns {Promise<string | null>} */
    async get() {
        if (this.#held && this.#now() < this.#held.renewAt) return this.#held.token;
        this.#call ??= this.#ask().finally(() => {
            this.#call = null;
        });
        return this.#call;
    }

    /**
     * Forgets a token that the server does not accept, unless it was replaced since.
     * @param {string | null} token
     */
    reject(token) {
        if (this.#held?.token === token) this.#held = null;
    }

    async #ask() {
        const token = await this.#callback();
        this.#held = { token, renewAt: expiration(token) - RENEW_TOKEN_BEFORE };
        return token;
    }
}

/**
 * When the token expires, in milliseconds. Server keys and other tokens without `exp` never do.
 * @param {string | null} token
 */
function expiration(token) {
    try {
        const payload = (token ?? "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
        const { exp } = JSON.parse(atob(payload));
        return typeof exp === "number" ? exp * 1000 : Infinity;
    } catch {
        return Infinity;
    }
}

/**
 * A message that was handed to `send`. Its status is `pending` until the server accepts or rejects it.
 * @implements {PendingMessageAPI}
 */
export class PendingMessage {
    /** @type {"pending" | "sent" | "failed"} */
    status = "pending";
    /** @type {Message | Tombstone | null} */
    message = null;
    /** @type {ChatError | null} */
    error = null;
    /** @type {Promise<Message | Tombstone>} */
    result = Promise.resolve(/** @type {any} */ (null));
    /** @type {(message: Message | Tombstone) => void} */
    #resolve = () => {};
    /** @type {(error: unknown) => void} */
    #reject = () => {};

    /**
     * @param {number} chatID
     * @param {string} text
     * @param {{ key?: string, replyTo?: number | null, metadata?: Metadata | null }} options
     */
    constructor(chatID, text, { key = uuid(), replyTo = null, metadata = null } = {}) {
        this.chatID = chatID;
        this.text = text;
        this.key = key;
        this.replyTo = replyTo;
        this.metadata = metadata;
        this.begin();
    }

    begin() {
        this.status = "pending";
        this.error = null;
        this.result = new Promise((resolve, reject) => {
            this.#resolve = resolve;
            this.#reject = reject;
        });
        // An application that shows `status` need not wait for the result.
        this.result.catch(() => {});
    }

    /** @param {Message | Tombstone} message */
    settle(message) {
        this.status = "sent";
        this.message = message;
        this.error = null;
        this.#resolve(message);
    }

    /** @param {ChatError} error */
    fail(error) {
        this.status = "failed";
        this.error = error;
        this.#reject(error);
    }

    /**
     * Whether the server would take both for the same message.
     * @param {PendingMessage} other
     */
    hasContentOf(other) {
        return (
            this.text === other.text &&
            this.replyTo === other.replyTo &&
            canonicalJSON(this.metadata) === canonicalJSON(other.metadata)
        );
    }

    /** Ends the wait for the result. The status stays, because the next client with the same store sends the message. */
    abandon() {
        this.#reject(clientClosed("The client was closed before the message was sent"));
    }

    toJSON() {
        const { chatID, text, key, replyTo, metadata, status } = this;
        const error = this.error && { status: this.error.status, code: this.error.code, detail: this.error.detail };
        return { chatID, text, key, replyTo, metadata, status, error };
    }

    /** @param {ReturnType<PendingMessage["toJSON"]>} stored */
    static from({ chatID, text, key, replyTo, metadata, error }) {
        const pending = new PendingMessage(chatID, text, { key, replyTo, metadata });
        if (error) pending.fail(new ChatError(error.code, error.detail, { status: error.status }));
        return pending;
    }
}

/**
 * JSON in which the order of an object's members does not matter.
 * @param {unknown} value
 */
function canonicalJSON(value) {
    return JSON.stringify(value, (_, part) => {
        const isObject = typeof part === "object" && part !== null && !Array.isArray(part);
        return isObject ? Object.fromEntries(Object.entries(part).sort()) : part;
    });
}

function clientClosed(detail = "The client is closed") {
    return new ChatError("client_closed", detail);
}

function keyReused() {
    return new ChatError("idempotency_key_reused", "Another message that is not sent yet has this key");
}

/** The unsent messages of all chats, in the order in which they were sent. */
export class Outbox {
    /** @type {PendingMessage[]} */
    #messages = [];

    get all() {
        return [...this.#messages];
    }

    /** @param {number} chatID */
    of(chatID) {
        return this.#messages.filter((pending) => pending.chatID === chatID);
    }

    /**
     * The message to send next. A failed one does not hold up those after it.
     * @param {number} chatID
     */
    next(chatID) {
        return this.of(chatID).find(({ status }) => status === "pending");
    }

    /**
     * @param {number} chatID
     * @param {string} key
     */
    find(chatID, key) {
        return this.of(chatID).find((pending) => pending.key === key);
    }

    /** @param {PendingMessage} pending */
    has(pending) {
        return this.#messages.includes(pending);
    }

    /** @param {PendingMessage} pending */
    add(pending) {
        this.#messages.push(pending);
    }

    /** @param {PendingMessage} pending */
    remove(pending) {
        this.#messages = this.#messages.filter((other) => other !== pending);
    }

    /**
     * Makes a failed message pending again, after the others, and under its key unless another message has used that.
     * @param {PendingMessage} pending
     */
    retry(pending) {
        if (pending.error?.code === "idempotency_key_reused") pending.key = uuid();
        pending.begin();
        this.remove(pending);
        this.add(pending);
    }

    /** What `restore` accepts; null if there is nothing to keep. */
    get serialized() {
        return this.#messages.length === 0 ? null : JSON.stringify(this.#messages);
    }

    /**
     * Puts the messages that were serialized before those added since.
     * @param {string | null} serialized
     * @returns {PendingMessage[]} those added since whose key another message has; they are removed
     */
    restore(serialized) {
        const drafts = this.#messages;
        this.#messages = JSON.parse(serialized ?? "[]").map(PendingMessage.from);
        return drafts.filter((draft) => {
            const known = this.find(draft.chatID, draft.key);
            if (known && !known.hasContentOf(draft)) return true;
            if (known) this.remove(known);
            this.add(draft);
            return false;
        });
    }
}

/** Waits that end early when the network is restored, though never before the time for which the server asked. */
export class Pauses {
    /** @type {Set<() => void>} */
    #hurry = new Set();

    /**
     * Waits for some seconds, or until the signal aborts.
     * @param {number} seconds
     * @param {number} atLeast
     * @param {AbortSignal} signal
     * @returns {Promise<void>}
     */
    wait(seconds, atLeast, signal) {
        return new Promise((resolve) => {
            if (signal.aborted) return resolve();
            const earliest = Date.now() + atLeast * 1000;
            const end = () => {
                clearTimeout(timer);
                this.#hurry.delete(hurry);
                signal.removeEventListener("abort", end);
                resolve();
            };
            const hurry = () => {
                clearTimeout(timer);
                timer = setTimeout(end, timerDelay(earliest - Date.now()));
            };
            let timer = setTimeout(end, timerDelay(seconds * 1000));
            this.#hurry.add(hurry);
            signal.addEventListener("abort", end);
        });
    }

    hurry() {
        for (const hurry of this.#hurry) hurry();
    }
}

/** Requests with the current token. */
class Transport {
    #url;
    #tokens;
    #fetch;
    /** @type {Set<AbortController>} */
    #work = new Set();
    isClosed = false;
    pauses = new Pauses();

    /** @param {ChatClientOptions} options */
    constructor({ url, token = () => null, minDelay, maxDelay, fetch = globalThis.fetch.bind(globalThis) }) {
        this.#url = String(url).replace(/\/+$/, "");
        this.#tokens = new TokenSource(token);
        this.#fetch = fetch;
        this.newBackoff = () => new Backoff(minDelay, maxDelay);
    }

    close() {
        this.isClosed = true;
        for (const controller of this.#work) controller.abort(clientClosed());
    }

    /**
     * A controller for work that ends with the client. Abort it when the work is done. Node warns if many of them listen
     * to one signal, so they are in a set.
     * @param {AbortSignal} [signal]
     */
    begin(signal) {
        const controller = linkedController(signal);
        if (this.isClosed) controller.abort(clientClosed());
        this.#work.add(controller);
        controller.signal.addEventListener("abort", () => this.#work.delete(controller));
        return controller;
    }

    /**
     * Sends a request, and repeats it while that may help: with a new token after a 401, and with a backoff if `retry`
     * is set, which is only for requests that change nothing or have a key.
     * @param {string} method
     * @param {string} path
     * @param {RequestOptions} options
     * @returns {Promise<any>} the JSON of the response
     */
    async request(method, path, { retry = method === "GET", signal, ...parts } = {}) {
        const backoff = this.newBackoff();
        const work = this.begin(signal);
        let hasNewToken = false;
        try {
            for (;;) {
                work.signal.throwIfAborted();
                try {
                    return await this.#attempt(method, path, parts, work.signal);
                } catch (error) {
                    work.signal.throwIfAborted();
                    if (!(error instanceof ChatError)) throw error;
                    if (error.status === 401 && !hasNewToken) {
                        hasNewToken = true;
                    } else if (retry && error.isTemporary) {
                        const atLeast = error.retryAfter ?? 0;
                        await this.pauses.wait(backoff.next(atLeast), atLeast, work.signal);
                    } else {
                        throw error;
                    }
                }
            }
        } finally {
            work.abort();
        }
    }

    /**
     * @param {string} method
     * @param {string} path
     * @param {RequestParts} parts
     * @param {AbortSignal} signal
     */
    async #attempt(method, path, parts, signal) {
        const controller = linkedController(signal);
        try {
            const { response } = await this.fetch(method, path, parts, controller);
            const isEmpty = response.status === 202 || response.status === 204;
            return isEmpty ? null : await within(BODY_TIMEOUT, controller, response.json());
        } catch (error) {
            throw error instanceof ChatError ? error : networkError(error);
        } finally {
            controller.abort();
        }
    }

    /**
     * Sends a request once, until the controller aborts.
     * @param {string} method
     * @param {string} path
     * @param {RequestParts} parts
     * @param {AbortController} controller
     * @returns {Promise<{ response: Response, token: string | null }>} a response with a 2xx status; others are thrown
     */
    async fetch(method, path, { query = {}, body, headers = {} }, controller) {
        const { signal } = controller;
        const token = await untilAborted(this.#tokens.get(), signal).catch((cause) => {
            throw new ChatError("token_unavailable", reasonOf(cause), { cause });
        });
        const request = this.#fetch(this.#url + path + queryString(query), {
            method,
            signal,
            headers: {
                ...(token !== null && { Authorization: `Bearer ${token}` }),
                ...(body !== undefined && { "Content-Type": "application/json" }),
                ...headers,
            },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const response = await within(RESPONSE_TIMEOUT, controller, request);
        if (response.ok) return { response, token };
        if (response.status === 401) this.rejectToken(token);
        throw await within(BODY_TIMEOUT, controller, ChatError.of(response));
    }

    /** @param {string | null} token */
    rejectToken(token) {
        this.#tokens.reject(token);
    }
}

/** @param {unknown} error what an application has thrown */
function reasonOf(error) {
    return (error instanceof Error && error.message) || String(error);
}

/** @param {unknown} cause */
function networkError(cause) {
    return new ChatError("network_error", "The server cannot be reached, or the connection broke.", { cause });
}

/** @param {Record<string, unknown>} fields those that are undefined are left out */
function queryString(fields) {
    const present = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
    return present.length === 0 ? "" : `?${new URLSearchParams(present.map(([name, value]) => [name, String(value)]))}`;
}

/**
 * Events for one consumer, who calls `next` until it returns null.
 * @template E
 */
class Feed {
    #wake = () => {};
    #closing = new AbortController();
    /** @type {unknown} */
    #failure = null;
    #isCaughtUp = false;

    /** Aborts when the consumer has left. */
    get signal() {
        return this.#closing.signal;
    }

    close() {
        this.#closing.abort();
        this.#wake();
    }

    /**
     * Makes `next` throw once it has returned what came before.
     * @param {unknown} error
     */
    fail(error) {
        this.#failure = error;
        this.#wake();
    }

    /**
     * Where another process resumes: after the events that the consumer has taken.
     * @returns {string | null}
     */
    get bookmark() {
        return null;
    }

    /**
     * The next event; null when the consumer has left, and undefined if only the bookmark has changed.
     * @returns {Promise<E | null | undefined>}
     */
    async next() {
        return null;
    }

    /** @param {StreamEvent | null} _event null if only the bookmark changes */
    enqueue(_event) {
        this.#wake();
    }

    caughtUp() {
        if (!this.#isCaughtUp) this.enqueue({ type: "caught_up" });
        this.#isCaughtUp = true;
    }

    interrupted() {
        this.#isCaughtUp = false;
    }

    /** Waits for an event. Call it in the turn in which there was none. */
    async change() {
        if (this.#failure) throw this.#failure;
        await new Promise((resolve) => {
            this.#wake = () => resolve(null);
        });
    }
}

/**
 * The events of a chat: its log without gaps or repetitions, however they arrive, and notices in between.
 * @extends {Feed<ChatEvent>}
 */
export class ChatFeed extends Feed {
    #readLog;
    // The last position that the consumer has taken.
    /** @type {Position | null} */
    #taken;
    // The last position that has arrived; it may be queued, or left in the log.
    /** @type {Position | null} */
    #arrived;
    // Each event, and the position that the consumer must have taken before.
    /** @type {Queued[]} */
    #queue = [];
    // The queued piece of each message's text.
    /** @type {Map<number, Queued>} */
    #pieces = new Map();

    /**
     * @param {number} chatID
     * @param {Position | null} position null starts now
     * @param {(after: number, signal: AbortSignal) => Promise<LogPage>} readLog
     */
    constructor(chatID, position, readLog) {
        super();
        this.chatID = chatID;
        this.#taken = position;
        this.#arrived = position;
        this.#readLog = readLog;
    }

    /** Where the connection resumes. */
    get arrived() {
        return this.#arrived;
    }

    get bookmark() {
        return this.#taken && formatPosition(this.#taken);
    }

    /**
     * A connection continues after what has arrived or, if the chat starts now, after the end of its log.
     * @param {string} epoch
     * @param {number} lastSeq
     */
    start(epoch, lastSeq) {
        const seq = this.#arrived?.seq ?? lastSeq;
        this.#arrived = { epoch, seq };
        if (this.#taken && this.#taken.epoch !== null) return;
        this.#taken = { epoch, seq: this.#taken?.seq ?? seq };
        this.enqueue(null);
    }

    /** @param {StreamEvent} event */
    push(event) {
        const hasRoom = this.#queue.length < MAX_QUEUED_EVENTS;
        if (event.type === "message.appended") {
            this.#enqueuePiece(event);
        } else if (event.seq === undefined) {
            if (hasRoom || event.type === "chat.deleted") this.enqueue(event);
        } else if (this.#arrived && event.seq > this.#arrived.seq) {
            this.#arrived = { ...this.#arrived, seq: event.seq };
            // The entry contains the whole text.
            if (event.message) this.#dropPiece(event.message.id);
            if (hasRoom) this.enqueue(event, event.seq - 1);
        }
    }

    /**
     * Queues a piece of a message's text. There is one for each message: a later piece extends it.
     * @param {StreamEvent} event
     */
    #enqueuePiece(event) {
        const queued = this.#pieces.get(event.message_id);
        const { at, text } = queued?.event ?? event;
        if (!queued) {
            this.enqueue(event);
            this.#pieces.set(event.message_id, /** @type {Queued} */ (this.#queue.at(-1)));
        } else if (event.at < at) {
            queued.event = event;
        } else {
            // Pieces of one connection join, and each connection starts with the whole text.
            queued.event = { ...event, at, text: spliced(text, event.at - at, event.text) ?? text };
        }
    }

    /** @param {number} id */
    #dropPiece(id) {
        const piece = this.#pieces.get(id);
        if (!piece) return;
        this.#pieces.delete(id);
        this.#queue = this.#queue.filter((queued) => queued !== piece);
    }

    /**
     * Starts over: positions belong to another epoch, or the log has gone backward.
     * @param {string} epoch
     */
    reset(epoch) {
        this.#arrived = { epoch, seq: 0 };
        this.#clear();
        this.interrupted();
        this.enqueue({ type: "reset", epoch });
    }

    #clear() {
        this.#queue = [];
        this.#pieces.clear();
    }

    /** The chat was deleted, or the user left it. */
    end() {
        this.enqueue({ type: "chat.deleted", chat_id: this.chatID });
    }

    /**
     * @param {StreamEvent | null} event
     * @param {number} [after]
     */
    enqueue(event, after = this.#arrived?.seq ?? 0) {
        this.#queue.push({ event, after });
        super.enqueue(event);
    }

    /** @returns {Promise<ChatEvent | null | undefined>} */
    async next() {
        while (!this.signal.aborted) {
            const head = this.#queue[0];
            if (head?.event?.type === "reset") {
                this.#taken = { epoch: head.event.epoch, seq: 0 };
            } else if ((head?.after ?? this.#arrived?.seq ?? 0) > (this.#taken?.seq ?? 0)) {
                await this.#fill();
                continue;
            } else if (!head) {
                await this.change();
                continue;
            }
            this.#queue.shift();
            if (head.event?.type === "message.appended") this.#pieces.delete(head.event.message_id);
            if (head.event?.type === "chat.deleted") this.close();
            const seq = head.event?.seq;
            if (seq === undefined) return head.event ?? undefined;
            if (this.#taken && seq > this.#taken.seq) {
                this.#taken = { ...this.#taken, seq };
                return head.event;
            }
        }
        return null;
    }

    /** Puts entries that are missing before the queue. */
    async #fill() {
        const epoch = this.#arrived?.epoch;
        let page;
        try {
            page = await this.#readLog(this.#taken?.seq ?? 0, this.signal);
        } catch (error) {
            if (this.signal.aborted) return;
            if (!(error instanceof ChatError) || error.status !== 404) throw error;
            // The entries before it cannot be read anymore.
            this.#clear();
            this.#arrived = this.#taken;
            return this.end();
        }
        if (epoch !== this.#arrived?.epoch) return;
        if (page.epoch !== epoch || page.entries.length === 0) return this.reset(page.epoch);
        const entries = page.entries.map((entry) => ({ ...entry, chat_id: this.chatID }));
        this.#queue.unshift(...entries.map((event) => ({ event, after: event.seq - 1 })));
    }
}

/**
 * The lines of the inbox. The latest line of a chat replaces one that the consumer has not taken.
 * @extends {Feed<InboxEvent>}
 */
export class InboxFeed extends Feed {
    /** @type {Map<number | string, any>} */
    #queue = new Map();
    #bookmark;

    /** @param {string | null} cursor */
    constructor(cursor) {
        super();
        this.#bookmark = cursor;
        /** Where the connection resumes. */
        this.arrived = cursor;
    }

    get bookmark() {
        return this.#bookmark;
    }

    /** @param {StreamEvent} event */
    push(event) {
        if (event.type === "cursor") {
            this.arrived = event.cursor;
            // It covers the lines that are queued now, so it moves behind them.
            this.#queue.delete(event.type);
        }
        this.enqueue(event);
    }

    /** @param {string} epoch */
    reset(epoch) {
        this.arrived = null;
        this.#queue.clear();
        this.interrupted();
        this.enqueue({ type: "reset", epoch });
    }

    /** @param {StreamEvent} event */
    enqueue(event) {
        this.#queue.set(event.chat_id ?? event.type, event);
        super.enqueue(event);
    }

    /** @returns {Promise<InboxEvent | null | undefined>} */
    async next() {
        while (!this.signal.aborted) {
            const [event] = this.#queue.values();
            if (!event) {
                await this.change();
                continue;
            }
            this.#queue.delete(event.chat_id ?? event.type);
            if (event.type === "reset") this.#bookmark = null;
            if (event.type !== "cursor") return event;
            this.#bookmark = event.cursor;
            return undefined;
        }
        return null;
    }
}

/** The one stream that feeds all consumers. It exists while there is one. */
class Connection {
    #transport;
    #store;
    #onStatus;
    #onEvent;
    /** @type {Set<ChatFeed>} */
    #chats = new Set();
    /** @type {Set<InboxFeed>} */
    #inboxes = new Set();
    // Ends when there is no consumer.
    /** @type {AbortController | null} */
    #session = null;
    // The current connection within the session.
    #attempt = new AbortController();
    #isGathering = false;

    /**
     * @param {Transport} transport
     * @param {ChatStore} store
     * @param {(status: Status, error?: ChatError) => void} onStatus
     * @param {(event: StreamEvent) => void} onEvent called for each event of a chat
     */
    constructor(transport, store, onStatus, onEvent) {
        this.#transport = transport;
        this.#store = store;
        this.#onStatus = onStatus;
        this.#onEvent = onEvent;
    }

    /**
     * Yields a feed's events, and connects it meanwhile. Stores its bookmark under `name` when the consumer asks for the
     * next event.
     * @template E
     * @param {Feed<E>} feed
     * @param {string} name
     * @param {AbortSignal} [signal]
     * @returns {AsyncGenerator<E, void, void>}
     */
    async *events(feed, name, signal) {
        const work = this.#transport.begin(signal);
        work.signal.addEventListener("abort", () => feed.close());
        if (work.signal.aborted) return;
        try {
            this.#add(feed);
            for (let stored = feed.bookmark; ; ) {
                const event = await feed.next();
                if (event === null) return;
                if (event) yield event;
                if (feed.bookmark !== stored) await this.#store.set(name, (stored = feed.bookmark));
            }
        } finally {
            work.abort();
            this.#remove(feed);
        }
    }

    /** @param {Feed<any>} feed */
    #add(feed) {
        if (feed instanceof ChatFeed) {
            const followed = new Set([...this.#chats, feed].map(({ chatID }) => chatID));
            if (followed.size > MAX_FOLLOWED_CHATS) {
                throw new RangeError(`A client follows at most ${MAX_FOLLOWED_CHATS} chats at once`);
            }
            this.#chats.add(feed);
        } else if (feed instanceof InboxFeed) {
            this.#inboxes.add(feed);
        }
        this.#replace();
    }

    /** @param {Feed<any>} feed */
    #remove(feed) {
        const feeds = /** @type {Set<Feed<any>>[]} */ ([this.#chats, this.#inboxes]);
        if (feeds.some((set) => set.delete(feed))) this.#replace();
    }

    /** Connects anew after the current turn, so that changes made together cause one connection. */
    #replace() {
        if (this.#isGathering) return;
        this.#isGathering = true;
        setTimeout(() => {
            this.#isGathering = false;
            this.#attempt.abort();
            if (!this.#isWanted) this.#session?.abort();
            else if (!this.#session) this.#run();
        });
    }

    get #isWanted() {
        return this.#chats.size + this.#inboxes.size > 0;
    }

    async #run() {
        const session = this.#transport.begin();
        session.signal.addEventListener("abort", () => {
            this.#session = null;
            this.#onStatus("idle");
        });
        this.#session = session;
        const backoff = this.#transport.newBackoff();
        let hasNewToken = false;
        const onCaughtUp = () => {
            backoff.reset();
            hasNewToken = false;
        };
        while (this.#isWanted && !session.signal.aborted) {
            const attempt = linkedController(session.signal);
            const { signal } = attempt;
            this.#attempt = attempt;
            try {
                await this.#stream(signal, onCaughtUp);
            } catch (thrown) {
                if (signal.aborted) continue;
                const error = thrown instanceof ChatError ? thrown : networkError(thrown);
                for (const feed of [...this.#chats, ...this.#inboxes]) feed.interrupted();
                if (error.status === 401 && !hasNewToken) {
                    hasNewToken = true;
                    continue;
                }
                this.#onStatus("offline", error);
                if (!error.isTemporary && error.status !== 401 && (await this.#explain(error, signal))) continue;
                const atLeast = error.retryAfter ?? 0;
                await this.#transport.pauses.wait(backoff.next(atLeast), atLeast, session.signal);
            } finally {
                attempt.abort();
            }
        }
        session.abort();
    }

    /**
     * Reads one stream. It never returns: the error says why the stream ended.
     * @param {AbortSignal} signal
     * @param {() => void} onCaughtUp
     */
    async #stream(signal, onCaughtUp) {
        // Consumers that come while this stream is open wait for the next one.
        const chats = [...this.#chats];
        const inboxes = [...this.#inboxes];
        const controller = linkedController(signal);
        let silence = DEFAULT_HEARTBEAT_SECONDS * DEAD_AFTER_HEARTBEATS * 1000;
        this.#onStatus("connecting");
        try {
            const headers = { Accept: "application/x-ndjson" };
            const path = streamPath(chats, inboxes);
            const { response, token } = await this.#transport.fetch("GET", path, { headers }, controller);
            this.#onStatus("catching_up");
            const lines = new LineReader();
            const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
            for (;;) {
                const { done, value } = await within(silence, controller, reader.read());
                if (done) throw networkError("The stream ended");
                for (const event of lines.push(value)) {
                    if (event.type === "hello") silence = event.heartbeat_seconds * DEAD_AFTER_HEARTBEATS * 1000;
                    if (event.type === "unauthorized") this.#transport.rejectToken(token);
                    this.#receive(event, chats, inboxes);
                    if (event.type === "caught_up") {
                        onCaughtUp();
                        this.#onStatus("live");
                    }
                }
            }
        } finally {
            controller.abort();
        }
    }

    /**
     * @param {StreamEvent} event
     * @param {ChatFeed[]} chats
     * @param {InboxFeed[]} inboxes
     */
    #receive(event, chats, inboxes) {
        switch (event.type) {
            case "hello":
                for (const { chat_id, last_seq } of event.chats) {
                    for (const feed of chats) if (feed.chatID === chat_id) feed.start(event.epoch, last_seq);
                }
                break;
            case "chat":
            case "left":
            case "cursor":
                for (const feed of inboxes) feed.push(event);
                break;
            case "caught_up":
                for (const feed of [...chats, ...inboxes]) feed.caughtUp();
                break;
            case "reset":
                resetOutdated(event.epoch, chats, inboxes);
                throw new ChatError("reset", "Positions belong to another epoch, or the log has gone backward");
            case "unauthorized":
                throw new ChatError(event.reason, "The token is no longer accepted", { status: 401 });
            case "reconnect":
                throw new ChatError("reconnect", "The server asks to reconnect", { retryAfter: event.delay_ms / 1000 });
            case "overflow":
            case "failed":
                throw new ChatError(event.code ?? event.type, event.detail ?? "The server ended the stream");
            default:
                this.#onEvent(event);
                for (const feed of chats) if (feed.chatID === event.chat_id) feed.push(event);
        }
    }

    /**
     * A response such as 404 does not name the chat that it is about: finds it by reading the log of each, and tells
     * its consumer. If it is none, nothing can be streamed.
     * @param {ChatError} error
     * @param {AbortSignal} signal
     * @returns {Promise<boolean>} whether to connect again at once
     */
    async #explain(error, signal) {
        let isExplained = false;
        for (const feed of this.#chats) {
            try {
                const page = await readLog(this.#transport, feed.chatID, feed.arrived?.seq ?? 0, 1, signal);
                const { epoch, seq } = feed.arrived ?? { epoch: null, seq: 0 };
                if (page.last_seq >= seq && (epoch === null || epoch === page.epoch)) continue;
                feed.reset(page.epoch);
            } catch (failure) {
                if (signal.aborted) return true;
                if (failure instanceof ChatError && failure.status === 404) feed.end();
                else feed.fail(failure);
                this.#chats.delete(feed);
            }
            isExplained = true;
        }
        if (isExplained) return true;
        // The user may have been added again by now.
        if (error.status === 404) return false;
        const feeds = this.#inboxes.size > 0 ? this.#inboxes : this.#chats;
        for (const feed of feeds) feed.fail(error);
        feeds.clear();
        return true;
    }
}

/**
 * @param {ChatFeed[]} chats
 * @param {InboxFeed[]} inboxes
 */
function streamPath(chats, inboxes) {
    /** @type {Map<number, Position | null>} */
    const positions = new Map();
    for (const { chatID, arrived } of chats) {
        const other = positions.get(chatID);
        if (!other || (arrived && arrived.seq < other.seq)) positions.set(chatID, arrived);
    }
    const followed = Array.from(positions, ([id, position]) => (position ? `${id}:${formatPosition(position)}` : id));
    if (inboxes.length === 0) return `/events?chats=${followed}`;
    const [cursor, ...others] = inboxes.map(({ arrived }) => arrived);
    const after = others.every((other) => other === cursor) ? cursor : null;
    return `/inbox${queryString({ after, follow: followed.length > 0 ? followed : null })}`;
}

/**
 * Resets what belongs to another epoch or, if nothing does, everything: a log of this epoch has gone backward.
 * @param {string} epoch
 * @param {ChatFeed[]} chats
 * @param {InboxFeed[]} inboxes
 */
function resetOutdated(epoch, chats, inboxes) {
    const positioned = [...chats, ...inboxes].filter(({ arrived }) => arrived !== null);
    const outdated = positioned.filter(({ arrived }) => {
        return typeof arrived === "string" ? !arrived.startsWith(`${epoch}.`) : (arrived?.epoch ?? epoch) !== epoch;
    });
    for (const feed of outdated.length > 0 ? outdated : positioned) feed.reset(epoch);
}

/**
 * @param {Transport} transport
 * @param {number} chatID
 * @param {number} after
 * @param {number} limit
 * @param {AbortSignal} [signal]
 * @returns {Promise<LogPage>}
 */
function readLog(transport, chatID, after, limit, signal) {
    return transport.request("GET", `/chats/${chatID}/log`, { query: { after, limit }, signal });
}

/** Sends the messages of each chat in order, one at a time, and keeps those that are unsent in the store. */
class Sender {
    #transport;
    #store;
    #onChange;
    #outbox = new Outbox();
    #restored;
    // Resolves when the store holds the outbox.
    /** @type {Promise<unknown>} */
    #saved = Promise.resolve();
    // The chats that have a sending loop, and the message that each sends.
    /** @type {Map<number, Delivery | null>} */
    #deliveries = new Map();

    /**
     * @param {Transport} transport
     * @param {ChatStore} store
     * @param {(pending: PendingMessage) => void} onChange
     */
    constructor(transport, store, onChange) {
        this.#transport = transport;
        this.#store = store;
        this.#onChange = onChange;
        this.#restored = this.#restore();
        this.#restored.catch(() => {});
    }

    get all() {
        return this.#outbox.all;
    }

    /** @param {number} chatID */
    pending(chatID) {
        return this.#outbox.of(chatID);
    }

    /** Leaves what is unsent to the next client with the same store. Call it when the transport is closed. */
    abandon() {
        for (const pending of this.#outbox.all) pending.abandon();
    }

    /** @param {PendingMessage} draft */
    send(draft) {
        const known = this.#outbox.find(draft.chatID, draft.key);
        if (this.#transport.isClosed) {
            // The store may belong to the next client already.
            draft.fail(clientClosed());
        } else if (!known) {
            this.#outbox.add(draft);
            this.#enqueue(draft);
        } else if (known.hasContentOf(draft)) {
            // The application reacts to the same event again. A key that another message has used stays used.
            if (known.error?.code !== "idempotency_key_reused") this.retry(known);
            return known;
        } else {
            draft.fail(keyReused());
        }
        return draft;
    }

    /** @param {PendingMessage} pending */
    retry(pending) {
        if (pending.status !== "failed" || !this.#outbox.has(pending) || this.#transport.isClosed) return;
        this.#outbox.retry(pending);
        this.#enqueue(pending);
    }

    /** @param {PendingMessage} pending */
    discard(pending) {
        if (!this.#outbox.has(pending)) return;
        this.#outbox.remove(pending);
        pending.fail(new ChatError("discarded", "The message was discarded"));
        this.#forget(pending);
    }

    /**
     * Settles the pending message that became this one, if it is ours.
     * @param {Message} message
     */
    settle(message) {
        // Keys are unique per author: one that the application chose may also be another author's.
        const key = message.idempotency_key ?? "";
        const pending = UUID.test(key) ? this.#outbox.find(message.chat_id, key) : undefined;
        if (pending) this.#settle(pending, message);
    }

    async #restore() {
        for (const draft of this.#outbox.restore(await this.#store.get("outbox"))) {
            draft.fail(keyReused());
            this.#onChange(draft);
        }
        if (this.#transport.isClosed) return this.abandon();
        for (const pending of this.#outbox.all) {
            this.#onChange(pending);
            this.#deliver(pending.chatID);
        }
    }

    #save() {
        this.#saved = this.#restored.then(() => this.#store.set("outbox", this.#outbox.serialized));
        this.#saved.catch(() => {});
        return this.#saved;
    }

    /** @param {PendingMessage} pending */
    async #enqueue(pending) {
        try {
            await this.#save();
            if (!this.#outbox.has(pending)) return;
            this.#onChange(pending);
            this.#deliver(pending.chatID);
        } catch (cause) {
            this.#fail(pending, new ChatError("store_failed", "The message could not be stored", { cause }));
        }
    }

    /** @param {number} chatID */
    async #deliver(chatID) {
        if (this.#deliveries.has(chatID)) return;
        this.#deliveries.set(chatID, null);
        while (!this.#transport.isClosed) {
            await this.#saved.catch(() => {});
            const pending = this.#outbox.next(chatID);
            if (!pending) break;
            const controller = new AbortController();
            this.#deliveries.set(chatID, { pending, controller });
            try {
                this.#settle(pending, await this.#post(pending, controller.signal));
            } catch (error) {
                if (this.#transport.isClosed) break;
                // It fails when it is aborted, too: because the stream contains the message, or it was discarded.
                if (!controller.signal.aborted) this.#fail(pending, /** @type {ChatError} */ (error));
            }
        }
        this.#deliveries.delete(chatID);
    }

    /**
     * @param {PendingMessage} pending
     * @param {AbortSignal} signal
     * @returns {Promise<Message | Tombstone>}
     */
    #post({ chatID, key, text, replyTo, metadata }, signal) {
        return this.#transport.request("POST", `/chats/${chatID}/messages/`, {
            retry: true,
            signal,
            headers: { "Idempotency-Key": key },
            body: { text, reply_to: replyTo ?? undefined, metadata: metadata ?? undefined },
        });
    }

    /**
     * @param {PendingMessage} pending
     * @param {Message | Tombstone} message
     */
    #settle(pending, message) {
        this.#outbox.remove(pending);
        pending.settle(message);
        this.#forget(pending);
        this.#onChange(pending);
    }

    /**
     * @param {PendingMessage} pending
     * @param {ChatError} error
     */
    #fail(pending, error) {
        pending.fail(error);
        this.#save();
        this.#onChange(pending);
    }

    /**
     * Ends the request of a message that has left the outbox.
     * @param {PendingMessage} pending
     */
    #forget(pending) {
        const delivery = this.#deliveries.get(pending.chatID);
        if (delivery?.pending === pending) delivery.controller.abort();
        this.#save();
    }
}

/**
 * A message that is read while it is written. What is written is kept until the message ends, so that nothing is lost
 * if the server loses what it has not stored.
 * @implements {ReplyAPI}
 */
class Reply {
    #transport;
    #path;
    #ttl;
    /** @type {Promise<Message>} */
    #opened;
    /** @type {number | null} */
    #id = null;
    #cancellation = new AbortController();
    #text = "";
    // The length of the text, the offset of what is to be sent next, and how much the server has said that it has stored.
    #length = 0;
    #sent = 0;
    /** @type {number | null} */
    #stored = null;
    // The first half of a character whose second half is not written yet.
    #half = "";
    // What is to be sent with the next piece.
    /** @type {string | null} */
    #status = null;
    // Whether the message contains text of another writer: an earlier process used the same key.
    #isForeign = false;
    // Whether nothing can be appended anymore.
    #isOver = false;
    // Why the server refused a piece of a message that is open.
    /** @type {unknown} */
    #rejection = null;
    #wake = () => {};
    closed = false;

    /**
     * @param {number} chatID
     * @param {Transport} transport
     * @param {ReplyOptions} options
     */
    constructor(chatID, transport, { replyTo, metadata, ttl, key = uuid() } = {}) {
        this.#transport = transport;
        this.#path = `/chats/${chatID}/messages/`;
        this.#ttl = ttl ?? DEFAULT_TTL_SECONDS;
        this.#opened = this.#open(key, { open: true, ttl, reply_to: replyTo, metadata });
        this.id = this.#opened.then(({ id }) => id);
        // An application need not wait for it: the end of the message fails likewise.
        this.id.catch(() => {});
        /** Resolves when nothing more will be appended. */
        this.written = this.#run();
    }

    get signal() {
        return this.#cancellation.signal;
    }

    /**
     * @param {string} text
     * @param {{ status?: string }} options
     */
    write(text, { status } = {}) {
        if (this.closed) return;
        const pieces = this.#half + text;
        this.#half = /[\ud800-\udbff]$/.exec(pieces)?.[0] ?? "";
        const piece = pieces.slice(0, pieces.length - this.#half.length).replace(/\p{Cs}/gu, "\ufffd");
        this.#text += piece;
        this.#length += lengthOf(piece);
        if (status !== undefined || piece !== "") this.#status = status ?? null;
        this.#wake();
    }

    /** @param {AsyncIterable<string>} source */
    async pipe(source) {
        // A message that an earlier process has ended needs nothing from the source.
        const id = await this.id;
        try {
            await this.#writeAll(source);
        } catch (error) {
            if (!this.signal.aborted) {
                await this.fail().catch(() => {});
                throw error;
            }
        }
        try {
            if (!this.signal.aborted) return await this.done();
            if (this.signal.reason.code === "cancel_requested") return await this.cancel();
            if (this.#rejection) await this.fail().catch(() => {});
            throw this.signal.reason;
        } catch (error) {
            if (!isOfEndedMessage(error)) throw error;
            return this.#request("GET", String(id));
        }
    }

    /** @param {{ text?: string, metadata?: Metadata | null }} options */
    done({ text, metadata } = {}) {
        return this.#end({ state: "done", text, metadata });
    }

    /** @param {string} [reason] */
    fail(reason) {
        return this.#end({ state: "failed", reason });
    }

    /** @param {string} [reason] */
    cancel(reason) {
        return this.#end({ state: "cancelled", reason });
    }

    /**
     * Takes note of an event of the client's stream.
     * @param {StreamEvent} event
     */
    receive(event) {
        const id = event.message_id ?? event.message?.id;
        if (this.closed || id === undefined || id !== this.#id) return;
        if (event.type === "message.cancel_requested") this.#cancellation.abort(cancelRequested());
        else if (event.message && event.message.state !== "open") this.#stop(messageEnded());
    }

    /**
     * @param {string} key
     * @param {unknown} body
     */
    async #open(key, body) {
        const headers = { "Idempotency-Key": key };
        /** @type {Message} */
        const message = await this.#request("POST", "", { headers, body });
        this.#id = message.id;
        if (message.state !== "open") this.#stop(messageEnded());
        return message;
    }

    /** Appends what is written, until the message is closed or nothing can be appended anymore. */
    async #run() {
        const work = this.#transport.begin();
        work.signal.addEventListener("abort", () => this.#wake());
        try {
            const { id } = await this.#opened;
            while (!this.closed && !this.#isOver && !work.signal.aborted) {
                if (this.#sent < this.#length || this.#status !== null) await this.#append(id);
                else if (!(await this.#change((this.#ttl * 1000) / 3))) await this.#append(id);
            }
            if (this.#transport.isClosed) this.#stop(clientClosed());
        } catch (error) {
            if (!isOfEndedMessage(error)) this.#rejection = error;
            this.#stop(error);
        } finally {
            work.abort();
        }
    }

    /**
     * Sends what is new; if there is nothing, tells the server that the writer still exists.
     * @param {number} id
     */
    async #append(id) {
        const at = this.#sent;
        const index = indexOf(this.#text, at);
        const text = index === null ? "" : this.#text.slice(index);
        const status = this.#status;
        this.#status = null;
        try {
            const body = { text, status: status ?? undefined };
            const receipt = await this.#request("POST", `${id}/text`, { query: { at }, body });
            this.#sent = at + lengthOf(text);
            this.#stored = receipt.stored;
            if (receipt.cancel_requested) this.#cancellation.abort(cancelRequested());
        } catch (error) {
            if (!(error instanceof ChatError) || error.length === undefined) throw error;
            this.#isForeign ||= error.length > at;
            this.#sent = error.length;
            this.#status ??= status;
        }
    }

    /**
     * Waits for something to be written, or for some milliseconds.
     * @param {number} milliseconds
     * @returns {Promise<boolean>} whether the wait has ended early
     */
    #change(milliseconds) {
        return new Promise((resolve) => {
            const timer = setTimeout(() => resolve(false), timerDelay(milliseconds));
            this.#wake = () => {
                clearTimeout(timer);
                resolve(true);
            };
        });
    }

    /**
     * @param {unknown} reason
     */
    #stop(reason) {
        this.#isOver = true;
        this.#cancellation.abort(reason);
        this.#wake();
    }

    /**
     * @param {{ state: "done" | "failed" | "cancelled", text?: string, metadata?: Metadata | null, reason?: string }} end
     * @returns {Promise<Message>}
     */
    async #end(end) {
        this.closed = true;
        this.#wake();
        const { id } = await this.#opened;
        await this.written;
        if (end.state === "done" && this.#rejection) throw this.#rejection;
        const isStored = this.#stored === this.#length && !this.#isForeign;
        const text = isStored || this.#rejection ? undefined : this.#text;
        return this.#request("PATCH", String(id), { body: { ...end, text: end.text ?? text } });
    }

    /**
     * Requests that are repeated safely: opening has a key, appending an offset, and a message ends once.
     * @param {string} method
     * @param {string} path
     * @param {RequestParts} [parts]
     */
    async #request(method, path, parts) {
        try {
            return await this.#transport.request(method, this.#path + path, { retry: true, ...parts });
        } catch (error) {
            throw this.#transport.isClosed ? clientClosed() : error;
        }
    }

    /**
     * Writes everything from a source, which is left as soon as the message is to stop.
     * @param {AsyncIterable<string>} source
     */
    async #writeAll(source) {
        if (this.signal.aborted) return;
        const iterator = source[Symbol.asyncIterator]();
        try {
            for (;;) {
                const { done, value } = await untilAborted(iterator.next(), this.signal);
                if (done) return;
                this.write(value);
            }
        } finally {
            // It may never be ready for it.
            iterator.return?.().catch(() => {});
        }
    }
}

function cancelRequested() {
    return new ChatError("cancel_requested", "Someone asked the writer to stop");
}

function messageEnded() {
    return new ChatError("message_not_open", "The message has ended", { status: 409 });
}

/** @param {unknown} error */
function isOfEndedMessage(error) {
    return error instanceof ChatError && error.code === "message_not_open";
}

/**
 * A chat, and the requests about it.
 * @implements {ChatAPI}
 */
class Chat {
    #transport;
    #connection;
    #sender;
    #replies;
    #store;

    /**
     * @param {number} id
     * @param {Transport} transport
     * @param {Connection} connection
     * @param {Sender} sender
     * @param {Set<Reply>} replies those that are written now
     * @param {ChatStore} store
     */
    constructor(id, transport, connection, sender, replies, store) {
        this.id = id;
        this.#transport = transport;
        this.#connection = connection;
        this.#sender = sender;
        this.#replies = replies;
        this.#store = store;
    }

    /** @param {{ after?: number | string, signal?: AbortSignal }} options */
    async *events({ after, signal } = {}) {
        const name = `position/${this.id}`;
        // The next iteration resumes here even if this one ends before anything arrives.
        if (after !== undefined) await this.#store.set(name, formatPosition(parsePosition(after)));
        const position = await this.#store.get(name);
        const read = (/** @type {number} */ seq, /** @type {AbortSignal} */ canceled) => {
            return readLog(this.#transport, this.id, seq, LOG_PAGE, canceled);
        };
        const feed = new ChatFeed(this.id, position === null ? null : parsePosition(position), read);
        yield* this.#connection.events(feed, name, signal);
    }

    get pending() {
        return this.#sender.pending(this.id);
    }

    /**
     * @param {string} text
     * @param {{ key?: string, replyTo?: number, metadata?: Metadata }} [options]
     */
    send(text, options) {
        return this.#sender.send(new PendingMessage(this.id, text, options));
    }

    /** @param {PendingMessage} pending */
    retry(pending) {
        this.#sender.retry(pending);
    }

    /** @param {PendingMessage} pending */
    discard(pending) {
        this.#sender.discard(pending);
    }

    /** @param {ReplyOptions} [options] */
    reply(options) {
        const reply = new Reply(this.id, this.#transport, options);
        this.#replies.add(reply);
        reply.written.then(() => this.#replies.delete(reply));
        return reply;
    }

    /**
     * @param {number | { id: number }} message
     * @param {{ signal?: AbortSignal }} options
     */
    cancel(message, { signal } = {}) {
        return this.#request("POST", `${messagePath(message)}/cancel`, { retry: true, signal });
    }

    /** @param {{ limit?: number, signal?: AbortSignal }} options */
    get({ signal, ...query } = {}) {
        return this.#request("GET", "", { query, signal });
    }

    /** @param {{ before?: number | string, after?: number | string, around?: number | string, limit?: number, signal?: AbortSignal }} options */
    messages({ signal, ...query } = {}) {
        return this.#request("GET", "/messages/", { query, signal });
    }

    /** @param {{ after?: number | string, limit?: number, signal?: AbortSignal }} options */
    log({ signal, ...query } = {}) {
        return this.#request("GET", "/log", { query, signal });
    }

    /**
     * @param {number | { id: number }} message
     * @param {string | { text?: string, metadata?: Metadata | null }} change
     * @param {{ revision?: number, signal?: AbortSignal }} options
     */
    edit(message, change, { revision, signal } = {}) {
        const body = typeof change === "string" ? { text: change } : change;
        return this.#request("PATCH", messagePath(message), { body, headers: ifMatch(revision), signal });
    }

    /**
     * @param {number | { id: number }} message
     * @param {{ revision?: number, signal?: AbortSignal }} options
     */
    delete(message, { revision, signal } = {}) {
        return this.#request("DELETE", messagePath(message), { headers: ifMatch(revision), signal });
    }

    /** @param {Metadata} [metadata] */
    typing(metadata) {
        return this.#request("POST", "/typing", { body: { metadata } });
    }

    /**
     * @param {number} seq
     * @param {{ back?: boolean, signal?: AbortSignal }} options
     */
    read(seq, { back, signal } = {}) {
        return this.#request("PUT", "/read", { body: { seq, back }, signal });
    }

    /** @param {{ cursor?: string, limit?: number, signal?: AbortSignal }} options */
    members({ signal, ...query } = {}) {
        return this.#request("GET", "/members", { query, signal });
    }

    /**
     * @param {string[]} users
     * @param {string} [role]
     */
    addMembers(users, role) {
        return this.#request("POST", "/members", { body: { users, role } });
    }

    /** @param {string} user */
    removeMember(user) {
        return this.#request("DELETE", `/members/${encodeURIComponent(user)}`);
    }

    /**
     * @param {string} method
     * @param {string} path
     * @param {RequestOptions} [options]
     */
    #request(method, path, options) {
        return this.#transport.request(method, `/chats/${this.id}${path}`, options);
    }
}

/** @param {number | { id: number }} message */
function messagePath(message) {
    return `/messages/${typeof message === "number" ? message : message.id}`;
}

/**
 * @param {number | undefined} revision
 * @returns {Record<string, string>}
 */
function ifMatch(revision) {
    return revision === undefined ? {} : { "If-Match": `"${revision}"` };
}

/** @implements {ChatStore} */
class MemoryStore {
    #values = new Map();

    /** @param {string} name */
    get(name) {
        return this.#values.get(name) ?? null;
    }

    /**
     * @param {string} name
     * @param {string | null} value
     */
    set(name, value) {
        if (value === null) this.#values.delete(name);
        else this.#values.set(name, value);
    }
}

/**
 * Connects an application to the server.
 * @implements {ChatClientAPI}
 */
export class ChatClient extends EventTarget {
    #transport;
    #store;
    #connection;
    #sender;
    /** @type {Set<Reply>} */
    #replies = new Set();
    /** @type {Map<number, Chat>} */
    #chats = new Map();
    /** @type {Status} */
    #status = "idle";
    #onOnline = () => this.networkRestored();

    /** @param {ChatClientOptions} options */
    constructor(options) {
        super();
        this.#transport = new Transport(options);
        this.#store = options.store ?? new MemoryStore();
        this.#sender = new Sender(this.#transport, this.#store, (pending) => {
            this.dispatchEvent(new CustomEvent("outbox", { detail: pending }));
        });
        this.#connection = new Connection(
            this.#transport,
            this.#store,
            (status, error) => this.#setStatus(status, error),
            (event) => this.#received(event),
        );
        globalThis.addEventListener?.("online", this.#onOnline);
    }

    get status() {
        return this.#status;
    }

    networkRestored() {
        this.#transport.pauses.hurry();
    }

    close() {
        globalThis.removeEventListener?.("online", this.#onOnline);
        this.#transport.close();
        this.#sender.abandon();
    }

    get pending() {
        return this.#sender.all;
    }

    /** @param {number} id */
    chat(id) {
        const known = this.#chats.get(id);
        if (known) return known;
        const chat = new Chat(id, this.#transport, this.#connection, this.#sender, this.#replies, this.#store);
        this.#chats.set(id, chat);
        return chat;
    }

    /** @param {{ signal?: AbortSignal }} options */
    async *inbox({ signal } = {}) {
        const feed = new InboxFeed(await this.#store.get("inbox"));
        yield* this.#connection.events(feed, "inbox", signal);
    }

    /** @param {{ signal?: AbortSignal }} [options] */
    me(options) {
        return this.#transport.request("GET", "/me", options);
    }

    /**
     * @param {string[]} ids
     * @param {{ signal?: AbortSignal }} options
     */
    users(ids, { signal } = {}) {
        return this.#transport.request("GET", "/users", { query: { ids }, signal });
    }

    /** @param {{ signal?: AbortSignal }} [options] */
    unread(options) {
        return this.#transport.request("GET", "/unread", options);
    }

    /** @param {{ q?: string, cursor?: string, limit?: number, signal?: AbortSignal }} options */
    chats({ signal, ...query } = {}) {
        return this.#transport.request("GET", "/chats/", { query, signal });
    }

    /** @param {{ title: string, members?: string[], visibility?: string, metadata?: Metadata, key?: string, signal?: AbortSignal }} draft */
    createChat({ key = uuid(), signal, ...body }) {
        const headers = { "Idempotency-Key": key };
        return this.#transport.request("POST", "/chats/", { retry: true, headers, body, signal });
    }

    /**
     * @param {string} user
     * @param {{ signal?: AbortSignal }} options
     */
    direct(user, { signal } = {}) {
        return this.#transport.request("POST", "/direct", { body: { user }, signal });
    }

    /** @param {StreamEvent} event */
    #received(event) {
        if (event.type === "message.created") this.#sender.settle(event.message);
        for (const reply of this.#replies) reply.receive(event);
    }

    /**
     * @param {Status} status
     * @param {ChatError} [error]
     */
    #setStatus(status, error) {
        if (status === this.#status) return;
        this.#status = status;
        this.dispatchEvent(new CustomEvent("status", { detail: { status, error } }));
    }
}
