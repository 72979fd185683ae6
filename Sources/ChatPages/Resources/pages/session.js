// Who chats: a user with a token, or in open mode a person with a name of their choice.

import { ChatClient } from "../client.js";
import { Drafts } from "./drafts.js";
import { plug } from "./plug.js";

/** The server, whatever prefix a proxy puts before its paths. */
export const SERVER = new URL("../", import.meta.url).href.replace(/\/$/, "");

// A tab keeps its own session, so two windows can be two people.
const KEY = "chat-session";
const PROBLEM = "chat-problem";

// Each may do what those before it may.
const ROLES = ["reader", "member", "moderator", "owner"];

/**
 * @typedef {{ token: string | null, name: string }} Credentials
 */

/** The person at this window. */
export class Session {
    /**
     * @param {ChatClient} client
     * @param {string | null} userID null in open mode
     * @param {string} name
     * @param {boolean} isAdmin whether the server permits everything, whatever the role in a chat
     * @param {Drafts} drafts
     */
    constructor(client, userID, name, isAdmin, drafts) {
        this.client = client;
        this.userID = userID;
        this.name = name;
        this.isAdmin = isAdmin;
        this.drafts = drafts;
    }

    /** Whether the server knows who this is: there are members, unread counts and an inbox. */
    get hasUser() {
        return this.userID !== null;
    }

    /**
     * Whether one may do in a chat what needs a role; if one's own is not known, the server decides.
     * @param {import("../client.js").Role | undefined} role
     * @param {import("../client.js").Role} needed
     */
    mayAs(role, needed) {
        return this.isAdmin || role === undefined || ROLES.indexOf(role) >= ROLES.indexOf(needed);
    }

    /** What a message carries in open mode, in which it has no author. */
    get metadata() {
        return this.hasUser ? undefined : { name: this.name };
    }

    /** @param {{ author?: string, metadata?: any }} message */
    wrote(message) {
        return this.hasUser ? message.author === this.userID : message.metadata?.name === this.name;
    }
}

/** What the page says of the client's status. */
export const STATUS = {
    idle: "Live",
    live: "Live",
    connecting: "Connecting…",
    catching_up: "Catching up…",
    offline: "Offline, retrying…",
};

/** Whether the server lets anyone in. */
export const isOpen = document.body.dataset.access === "open";

/**
 * Signs in, as soon as the server can be reached; throws an Error with a text for the person if that fails.
 * @param {Credentials} credentials
 */
export async function signIn(credentials) {
    const caller = await whoIs(credentials);
    if (credentials.token && !caller.user) throw new Error("This is a server key. Sign in with a user's token.");
    sessionStorage.setItem(KEY, JSON.stringify(credentials));
    const userID = caller.user?.id ?? null;
    const name = caller.user?.name ?? userID ?? credentials.name;
    const owner = userID ?? credentials.name;
    const store = new TabStore(owner);
    const client = new ChatClient({ url: SERVER, token: () => credentials.token, store, fetch: plug.fetch });
    return new Session(client, userID, name, caller.role === "admin", new Drafts(owner));
}

/**
 * Signs in a user whose credentials another page has. Nothing is stored: browsers may forbid it in a frame.
 * @param {() => Promise<Credentials>} ask called again whenever the token has expired
 */
export async function signInFrame(ask) {
    let name = "";
    const client = new ChatClient({
        url: SERVER,
        token: async () => {
            const credentials = await ask();
            name = credentials.name;
            return credentials.token;
        },
    });
    const { user, role } = await client.me();
    if (!isOpen && !user) throw new Error("This is a server key. Sign in with a user's token.");
    return new Session(client, user?.id ?? null, user?.name ?? user?.id ?? name, role === "admin", new Drafts(null));
}

/** @param {Credentials} credentials */
async function whoIs({ token }) {
    const client = new ChatClient({ url: SERVER, token: () => token, maxDelay: 3 });
    try {
        return await client.me();
    } catch (error) {
        const { status, code } = /** @type {import("../client.js").ChatError} */ (error);
        if (code === "token_expired") throw new Error("This token has expired.");
        if (status === 401) throw new Error("The server does not accept this token.");
        throw error;
    } finally {
        client.close();
    }
}

/** Asks for new credentials, because the server no longer accepts those of this tab. What is unsent waits for them. */
export function endSession() {
    sessionStorage.removeItem(KEY);
    sessionStorage.setItem(PROBLEM, "Your session has ended. Sign in again.");
    location.reload();
}

/** Why the last session of this tab ended; told once. */
export function lastProblem() {
    const problem = sessionStorage.getItem(PROBLEM) ?? "";
    sessionStorage.removeItem(PROBLEM);
    return problem;
}

/**
 * Forgets the credentials and what is unsent, and starts over.
 * @param {Credentials | null} [next] whose session starts then
 */
export function signOut(next = null) {
    sessionStorage.clear();
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next));
    history.replaceState(null, "", location.pathname);
    location.reload();
}

/**
 * The credentials in the URL's fragment, which is never sent to a server. They are removed from there.
 * @returns {Credentials | null}
 */
export function linkedCredentials() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const token = fragment.get("token");
    const name = fragment.get("name");
    if (!token && !name) return null;
    history.replaceState(null, "", location.pathname);
    return { token, name: name ?? "" };
}

/**
 * The credentials with which this tab was signed in, unless the server now asks for others.
 * @returns {Credentials | null}
 */
export function knownCredentials() {
    const known = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return known && isOpen === (known.token === null) ? known : null;
}

/** Keeps unsent messages while the tab is open. Positions are not kept: the page loads the latest messages. */
class TabStore {
    /** @param {string} owner */
    constructor(owner) {
        this.prefix = `chat/${owner}/`;
    }

    /** @param {string} name */
    get(name) {
        return name === "outbox" ? sessionStorage.getItem(this.prefix + name) : null;
    }

    /**
     * @param {string} name
     * @param {string | null} value
     */
    set(name, value) {
        if (name !== "outbox") return;
        if (value === null) sessionStorage.removeItem(this.prefix + name);
        else sessionStorage.setItem(this.prefix + name, value);
    }
}
