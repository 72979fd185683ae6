// The list of chats: for a user the inbox, live; in open mode what the server lists, again every few seconds.

import { byID, element, fill, throttled } from "./dom.js";
import { explainEnd } from "./problems.js";
import { short } from "./time.js";

const PAGE = 100;
// More chats are shown when the end of the list is this close, in pixels.
const NEAR_END = 600;
const POLL_INTERVAL = 3_000;
// How long changes are gathered, in milliseconds.
const FRAME = 20;

export class ChatList extends EventTarget {
    #session;
    #people;
    /** @type {Map<number, any>} */
    #chats = new Map();
    /** @type {Map<number, { element: HTMLElement, content: string }>} */
    #rows = new Map();
    /** @type {number | null} */
    #selected = null;
    // How many chats are shown at most.
    #limit = PAGE;
    #isComplete = false;
    /** Whether the list could not be read lately; the inbox tells by the client's status. */
    isOffline = false;
    #isRendering = false;
    #loadSoon = throttled(1_000, () => this.#load());

    /**
     * @param {import("./session.js").Session} session
     * @param {import("./people.js").People} people
     */
    constructor(session, people) {
        super();
        this.#session = session;
        this.#people = people;
        people.addEventListener("change", () => this.#changed());
        byID("chats").addEventListener("scroll", () => this.#scrolled(), { passive: true });
        byID("chats-state").textContent = "Loading…";
    }

    async run() {
        if (this.#session.hasUser) await this.#followInbox();
        else await this.#poll();
    }

    /** @param {number | null} id */
    select(id) {
        this.#selected = id;
        this.#changed();
    }

    /**
     * What is known of a chat.
     * @param {number} id
     */
    get(id) {
        return this.#chats.get(id) ?? null;
    }

    async #followInbox() {
        for await (const line of this.#session.client.inbox()) {
            if (line.type === "chat") {
                const { chat_id: id, chat, last_message, role, read_seq, unread, more } = line;
                this.#chats.set(id, { ...chat, last_message, role, read_seq, unread, more });
                this.dispatchEvent(new CustomEvent("chat", { detail: id }));
            } else if (line.type === "left") {
                this.#chats.delete(line.chat_id);
            } else if (line.type === "reset") {
                this.#chats.clear();
                this.#isComplete = false;
            } else if (line.type === "caught_up") {
                this.#isComplete = true;
            }
            this.#changed();
        }
    }

    async #poll() {
        for (;;) {
            if (!document.hidden) await this.#load();
            await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
        }
    }

    /** Shows soon what this window knows to have changed; the inbox does so by itself. */
    refresh() {
        if (!this.#session.hasUser) this.#loadSoon();
    }

    async #load() {
        const slow = setTimeout(() => this.#setOffline(true), POLL_INTERVAL);
        try {
            const chats = new Map();
            /** @type {string | undefined} */
            let cursor;
            do {
                const page = await this.#session.client.chats({ cursor, limit: PAGE });
                for (const chat of page.chats) chats.set(chat.id, chat);
                cursor = page.next_cursor ?? undefined;
            } while (cursor && chats.size < this.#limit);
            const added = [...chats.values()].filter(({ id, created_at }) => this.#chats.get(id)?.created_at !== created_at);
            this.#chats = chats;
            this.#isComplete = true;
            this.#changed();
            for (const { id } of added) this.dispatchEvent(new CustomEvent("chat", { detail: id }));
            this.#setOffline(false);
        } catch (error) {
            if (/** @type {import("../client.js").ChatError} */ (error).status === 401) this.dispatchEvent(new Event("rejected"));
            this.#setOffline(true);
        } finally {
            clearTimeout(slow);
        }
    }

    /** @param {boolean} isOffline */
    #setOffline(isOffline) {
        this.isOffline = isOffline;
        this.dispatchEvent(new Event("status"));
    }

    #scrolled() {
        const { scrollHeight, scrollTop, clientHeight } = byID("chats");
        const isNearEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
        if (!isNearEnd || this.#rows.size < this.#limit) return;
        this.#limit += PAGE;
        this.#changed();
        this.refresh();
    }

    /**
     * Focuses a chat or, if it is not shown, the button for a new one.
     * @param {number | null} id
     */
    focus(id) {
        linkIn(this.#rows.get(id ?? 0)?.element).focus();
    }

    #changed() {
        if (this.#isRendering) return;
        this.#isRendering = true;
        // A hidden tab has no animation frames, but a title that counts.
        setTimeout(() => {
            this.#isRendering = false;
            this.#render();
        }, FRAME);
    }

    #render() {
        const time = (/** @type {any} */ chat) => chat.last_message_at ?? chat.created_at;
        const chats = [...this.#chats.values()].sort((one, other) => (time(one) < time(other) ? 1 : -1)).slice(0, this.#limit);
        this.#rows = new Map(chats.map((chat) => [chat.id, this.#row(chat, time(chat))]));
        const list = byID("chats");
        const focused = list.contains(document.activeElement) ? document.activeElement?.closest("li") : null;
        const index = [...list.children].indexOf(focused);
        // A row that stays where it is keeps the focus and the click that has begun on it.
        for (const [index, { element }] of [...this.#rows.values()].entries()) {
            if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
        }
        while (list.children.length > chats.length) list.lastElementChild.remove();
        if (focused && !list.contains(document.activeElement)) {
            const row = focused.isConnected ? focused : list.children[index] ?? list.lastElementChild;
            linkIn(row).focus({ preventScroll: true });
        }
        const nothing = this.#isComplete ? "No chats yet. Start one." : "Loading…";
        byID("chats-state").textContent = chats.length === 0 ? nothing : "";
        const unread = [...this.#chats.values()].filter((chat) => chat.unread > 0).length;
        const title = `${this.#chats.get(this.#selected ?? 0)?.title ?? "Chat"} · ${this.#session.name}`;
        document.title = unread > 0 ? `(${unread}) ${title}` : title;
    }

    /**
     * @param {any} chat
     * @param {string} time
     */
    #row(chat, time) {
        const last = chat.last_message;
        const author = last && (this.#session.wrote(last) ? "You" : this.#people.author(last));
        const badge = chat.more ? "99+" : String(chat.unread);
        const isCurrent = chat.id === this.#selected;
        const known = this.#rows.get(chat.id);
        const content = JSON.stringify([chat.title, short(time), author, last && preview(last), chat.message_count, badge, isCurrent]);
        if (known?.content === content) return known;
        const row = known?.element ?? element("li", {}, element("a", { href: `#/chats/${chat.id}` }));
        const link = /** @type {HTMLElement} */ (row.firstElementChild);
        fill(
            link,
            element("bdi.title", {}, chat.title),
            element("time", { datetime: time }, short(time)),
            last
                ? element("span.preview", {}, element("bdi", {}, author), ": ", element("bdi", {}, preview(last)))
                : element("span.preview", {}, countOf(chat.message_count)),
            chat.unread > 0 ? element("span.badge", { "aria-label": `${badge} unread` }, badge) : null,
        );
        link.toggleAttribute("data-unread", chat.unread > 0);
        if (isCurrent) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
        return { element: row, content };
    }
}

/**
 * What to focus in a row; without a row, the button for a new chat.
 * @param {Element | null | undefined} row
 */
function linkIn(row) {
    return /** @type {HTMLElement} */ (row?.firstElementChild ?? byID("new-chat"));
}

/**
 * What the list shows of a message. Its text is not sent here while it grows.
 * @param {import("../client.js").Message} message
 */
function preview(message) {
    if (message.state === "open") return "Writing…";
    return message.text === "" ? explainEnd(message) : message.text;
}

/** @param {number} messages */
function countOf(messages) {
    if (messages === 0) return "No messages yet";
    return messages === 1 ? "1 message" : `${messages.toLocaleString()} messages`;
}
