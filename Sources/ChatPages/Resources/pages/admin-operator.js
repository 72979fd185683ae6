// Requests in the name of an operator.

import { ChatClient } from "../client.js";
import { SERVER } from "./session.js";

/** Makes requests with a server key or, in open mode, without one. */
export class Operator extends EventTarget {
    #closing = new AbortController();

    /** @param {string | null} key */
    constructor(key) {
        super();
        this.key = key;
        this.isOnline = true;
        this.client = new ChatClient({ url: SERVER, token: () => key });
    }

    /** Aborts when this operator is no longer the one at the page. */
    get signal() {
        return this.#closing.signal;
    }

    /** The part of the key that names it; null without a key. */
    get keyID() {
        return this.key?.split("_")[1] ?? null;
    }

    /** Fails unless the key may do everything. */
    async check() {
        try {
            await this.request("GET", "/admin/server");
        } catch (error) {
            if (/** @type {any} */ (error).status !== 403) throw error;
            throw new Error("This is not a server key with the scope admin.");
        }
    }

    /**
     * The response to a request; throws an Error with its `status` and `detail`, or a TypeError without a response.
     * @param {string} method
     * @param {string} path
     * @param {unknown} [body]
     */
    async request(method, path, body) {
        const response = await fetch(`${SERVER}${path}`, {
            method,
            headers: {
                ...(this.key === null ? {} : { Authorization: `Bearer ${this.key}` }),
                ...(body === undefined ? {} : { "Content-Type": "application/json" }),
            },
            body: body === undefined ? undefined : JSON.stringify(body),
            signal: this.signal,
        });
        const text = await response.text();
        const answer = text === "" ? null : JSON.parse(text);
        if (response.ok) return answer;
        throw Object.assign(new Error(response.statusText), { status: response.status, detail: answer.detail });
    }

    /**
     * The response to a GET; null if there is no such thing.
     * @param {string} path
     */
    async find(path) {
        try {
            return await this.request("GET", path);
        } catch (error) {
            if (/** @type {any} */ (error).status === 404) return null;
            throw error;
        }
    }

    /**
     * Runs what the page repeats, and says whether the server answers. A key that is no longer valid is `rejected`.
     * @param {() => Promise<void>} action
     */
    async attempt(action) {
        try {
            await action();
            this.#setOnline(true);
        } catch (error) {
            if (this.signal.aborted) return;
            if (/** @type {any} */ (error).status === 401) {
                this.dispatchEvent(new CustomEvent("rejected", { detail: error }));
            } else {
                this.#setOnline(false);
            }
        }
    }

    close() {
        this.#closing.abort();
        this.client.close();
    }

    /** @param {boolean} isOnline */
    #setOnline(isOnline) {
        this.isOnline = isOnline;
        this.dispatchEvent(new Event("status"));
    }
}
