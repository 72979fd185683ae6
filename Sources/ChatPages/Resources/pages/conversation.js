// One chat: its latest messages, older ones on demand, and new ones live.

import { grow } from "../client.js";
import { Composer } from "./composer.js";
import { byID, throttled } from "./dom.js";
import { MessageView } from "./message.js";
import { PendingView } from "./pending.js";
import { explain } from "./problems.js";

const PAGE = 100;
const TYPING_SECONDS = 6;
// The log follows new messages if its end is this close, in pixels.
const NEAR_END = 120;
// How long the log stays silent after old messages were added, in milliseconds.
const SILENCE = 500;
const LIST = new Intl.ListFormat("en");

/** @type {ReturnType<typeof setTimeout> | undefined} until the log speaks again */
let silence;

export class Conversation {
    #session;
    #people;
    #list;
    #chat;
    #composer;
    #closing = new AbortController();
    /** @type {MessageView[]} in order of position */
    #views = [];
    /** @type {Map<string, PendingView>} */
    #pending = new Map();
    /** @type {Map<string, { event: any, until: number }>} who is typing, and until when */
    #typing = new Map();
    #hasBefore = false;
    #isLoadingBefore = false;
    #lastSeq = 0;
    #readSeq = 0;
    #mayPost = true;
    #missed = 0;
    /** Whether the log shows its end, and stays there when it grows. */
    #staysAtEnd = true;
    #lastTop = 0;
    /** Where reading had ended when the chat was opened. */
    #unreadAfter = 0;
    #reopen = () => {};
    #markRead = throttled(1_000, () => this.#sendMarker());

    /**
     * @param {number} id
     * @param {import("./session.js").Session} session
     * @param {import("./people.js").People} people
     * @param {EventTarget & { get: (id: number) => any, refresh: () => void }} list what is known of chats; has a `chat` event with the id
     */
    constructor(id, session, people, list) {
        this.id = id;
        this.#session = session;
        this.#people = people;
        this.#list = list;
        this.#chat = session.client.chat(id);
        this.#composer = new Composer(this.#chat, session, {
            signal: this.#closing.signal,
            onSend: () => this.#scrollToEnd(),
        });
    }

    open() {
        const { signal } = this.#closing;
        const log = byID("log");
        this.#clear();
        this.#setTitle(this.#list.get(this.id)?.title ?? "");
        this.#setState("Loading…");
        log.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
        log.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#moveFocus(event), { signal });
        byID("to-end").addEventListener("click", () => this.#returnToEnd(), { signal });
        document.addEventListener("visibilitychange", () => this.#markRead(), { signal });
        this.#people.addEventListener("change", () => this.#views.forEach((view) => view.render()), { signal });
        this.#session.client.addEventListener("outbox", (event) => this.#sending(event.detail), { signal });
        const listed = (/** @type {any} */ { detail: id }) => id === this.id && this.#showRole();
        this.#list.addEventListener("chat", listed, { signal });
        this.#showRole();
        const timer = setInterval(() => this.#showTyping(), 1_000);
        signal.addEventListener("abort", () => clearInterval(timer));
        const growth = new ResizeObserver(() => this.#staysAtEnd && this.#scrollToEnd());
        for (const id of ["log", "messages", "outbox"]) growth.observe(byID(id));
        signal.addEventListener("abort", () => growth.disconnect());
        this.#run();
    }

    close() {
        this.#closing.abort();
        this.#clear();
    }

    /** Focuses the composer or, if nothing can be sent, the log. */
    focus() {
        if (isHidden(byID("composer"))) focusLog();
        else this.#composer.focus();
    }

    async #run() {
        const { signal } = this.#closing;
        while (!signal.aborted) {
            try {
                const after = await this.#loadLatest();
                const reason = await this.#follow(after);
                if (reason !== "gone") continue;
                const reasons = this.#session.hasUser ? ", or you are no longer a member." : ".";
                this.#setState(`This chat was deleted${reasons}`, true);
            } catch (error) {
                if (signal.aborted) return;
                if (byID("chat-title").textContent === "") this.#setTitle(`Chat ${this.id}`);
                this.#setState(explain(error), true);
            }
            await this.#return();
        }
    }

    /** Waits until the chat is listed again, because the user was added or it is another one, or until it is opened again. */
    #return() {
        return new Promise((resolve) => {
            const { signal } = this.#closing;
            signal.addEventListener("abort", resolve);
            const returned = (/** @type {any} */ { detail: id }) => id === this.id && resolve(null);
            this.#list.addEventListener("chat", returned, { signal });
            this.#reopen = () => resolve(null);
        });
    }

    /** Loads the chat again if it was gone. */
    reopen() {
        this.#reopen();
    }

    /** Shows the latest messages and returns the position after which the stream starts. */
    async #loadLatest() {
        const { signal } = this.#closing;
        const page = await this.#chat.messages({ limit: PAGE, signal });
        const chat = this.#list.get(this.id) ?? (await this.#chat.get({ limit: 1, signal }));
        this.#clear();
        this.#setTitle(chat.title);
        this.#lastSeq = page.last_seq;
        this.#readSeq = chat.read_seq ?? page.last_seq;
        this.#hasBefore = page.has_before;
        this.#insertSilently(page.messages);
        this.#unreadAfter = this.#readSeq;
        const firstUnread = this.#showFirstUnread();
        this.#showStart();
        this.#setState(this.#views.length === 0 ? "No messages yet. Say hello." : "");
        for (const pending of this.#chat.pending) this.#sending(pending);
        this.#staysAtEnd = !firstUnread;
        if (firstUnread) firstUnread.element.scrollIntoView({ block: "center" });
        else this.#scrollToEnd();
        this.#scrolled();
        return `${page.epoch}.${page.last_seq}`;
    }

    /**
     * Marks the first unread message, once what comes before it is loaded.
     * @returns {MessageView | undefined} the first unread message that is loaded
     */
    #showFirstUnread() {
        const first = this.#views.find(({ message }) => {
            return message.seq > this.#unreadAfter && !message.deleted_at && !this.#session.wrote(message);
        });
        const isCertain = !this.#hasBefore || this.#views[0]?.message.seq <= this.#unreadAfter;
        if (first && isCertain) first.setFirstUnread(true);
        return first;
    }

    /**
     * Shows what happens, until the chat must be loaded again or is gone.
     * @param {string} after
     */
    async #follow(after) {
        for await (const event of this.#chat.events({ after, signal: this.#closing.signal })) {
            switch (event.type) {
                case "message.created":
                case "message.updated":
                case "message.deleted":
                    this.#lastSeq = event.seq;
                    this.#received(event.message, event.type === "message.created");
                    break;
                case "message.appended":
                    this.#grew(event);
                    break;
                case "message.cancel_requested":
                    this.#find(event.message_id)?.stopping();
                    break;
                case "chat.updated":
                    this.#setTitle(event.chat.title);
                    break;
                case "typing":
                    this.#isTyping(event);
                    break;
                case "reset":
                    return "reset";
                case "chat.deleted":
                    return "gone";
            }
        }
        return "closed";
    }

    /**
     * @param {any} message
     * @param {boolean} isNew
     */
    #received(message, isNew) {
        const isKnown = this.#find(message.id) !== null;
        // An edit of a message that is not loaded yet shows once its page is.
        if (!isKnown && !isNew) return;
        this.#noticeScrolling();
        this.#insert([message]);
        this.#setState("");
        if (!this.#hasBefore) this.#showStart();
        if (isNew) this.#list.refresh();
        this.#typing.delete(this.#writer(message));
        this.#showTyping();
        if (!this.#staysAtEnd && isNew && !isKnown && !this.#session.wrote(message)) this.#missed += 1;
        this.#showMissed();
        this.#markRead();
    }

    /** @param {import("../client.js").AppendedEvent} event */
    #grew(event) {
        const view = this.#find(event.message_id);
        if (!view) return;
        const grown = grow(view.message, event);
        if (grown === view.message) return;
        this.#noticeScrolling();
        if (this.#staysAtEnd) return view.grow(grown);
        // What is on the screen stays where it is when a message above it grows.
        const log = byID("log");
        const { bottom, height } = view.element.getBoundingClientRect();
        view.grow(grown);
        if (bottom <= log.getBoundingClientRect().top) log.scrollTop += view.element.offsetHeight - height;
    }

    /**
     * Adds messages at their positions, or updates those that are shown.
     * @param {any[]} messages
     */
    #insert(messages) {
        const log = byID("messages");
        for (const message of messages) {
            const shown = this.#find(message.id);
            if (shown) {
                shown.update(message);
                continue;
            }
            let index = this.#views.length;
            while (index > 0 && this.#views[index - 1].message.seq > message.seq) index -= 1;
            /** @type {MessageView} */
            const view = new MessageView(message, this.#session, this.#people, {
                reply: () => this.#reply(view.message.id),
                edit: () => this.#composer.edit(view.message),
                delete: () => this.#delete(view),
                find: (/** @type {number} */ id) => this.#find(id),
                stop: () => this.#stop(view),
                mayStop: () => this.#mayPost,
            });
            log.insertBefore(view.element, this.#views[index]?.element ?? null);
            this.#views.splice(index, 0, view);
            view.setPrevious(this.#views[index - 1]?.message ?? null);
            this.#views[index + 1]?.setPrevious(message);
        }
        // Replies quote what has changed, or what was not loaded before.
        const changed = new Set(messages.map(({ id }) => id));
        const last = this.#views.at(-1);
        for (const view of this.#views) {
            if (changed.has(view.message.reply_to)) view.render();
            view.element.tabIndex = view === last ? 0 : -1;
        }
    }

    /**
     * Adds messages that a screen reader does not read out, because they are old.
     * @param {any[]} messages
     */
    #insertSilently(messages) {
        const log = byID("messages");
        log.ariaLive = "off";
        this.#insert(messages);
        // Browsers tell a screen reader of a change a little later.
        clearTimeout(silence);
        silence = setTimeout(() => (log.ariaLive = "polite"), SILENCE);
    }

    /**
     * The view of a message, if it is loaded.
     * @param {number} id
     */
    #find(id) {
        return this.#views.find(({ message }) => message.id === id) ?? null;
    }

    /** @param {MessageView} view */
    async #delete(view) {
        try {
            await this.#chat.delete(view.message.id);
        } catch (error) {
            view.complain(explain(error));
        }
    }

    /** @param {MessageView} view */
    async #stop(view) {
        view.stopping();
        try {
            await this.#chat.cancel(view.message.id, { signal: this.#closing.signal });
        } catch (error) {
            // It may have ended meanwhile.
            if (view.message.state === "open") view.complain(explain(error));
        }
    }

    /**
     * Shows a message that is not sent yet, and removes it once the message itself is here.
     * @param {any} pending
     */
    #sending(pending) {
        if (pending.chatID !== this.id) return;
        const shown = this.#pending.get(pending.key);
        if (pending.status === "sent") {
            shown?.element.remove();
            this.#pending.delete(pending.key);
            if (pending.message) this.#received(pending.message, true);
            return;
        }
        if (shown) return shown.render();
        const view = new PendingView(pending, {
            retry: () => {
                this.#leaveButton();
                this.#chat.retry(pending);
            },
            edit: () => {
                this.#discard(view);
                this.#composer.takeBack(pending.text);
                if (pending.replyTo !== null) this.#reply(pending.replyTo);
            },
            discard: () => {
                const neighbor = view.element.nextElementSibling ?? view.element.previousElementSibling;
                this.#leaveButton(neighbor?.querySelector("button"));
                this.#discard(view);
            },
        });
        this.#pending.set(pending.key, view);
        byID("outbox").append(view.element);
        this.#setState("");
        this.#scrollToEnd();
    }

    /** @param {PendingView} view */
    #discard(view) {
        this.#chat.discard(view.pending);
        this.#pending.delete(view.pending.key);
        view.element.remove();
    }

    /**
     * Moves the focus from a button that is about to disappear: to its neighbor or, with a keyboard, to where one writes.
     * @param {HTMLElement | null} [neighbor]
     */
    #leaveButton(neighbor) {
        if (neighbor) neighbor.focus();
        else if (document.activeElement?.matches(":focus-visible")) this.focus();
        else focusLog();
    }

    /** @param {number} id */
    #reply(id) {
        const original = this.#find(id)?.message;
        const label = original ? `Reply to ${this.#people.author(original)}: ${original.text}` : "Reply to an earlier message";
        this.#composer.reply(id, label);
    }

    async #loadBefore() {
        if (!this.#hasBefore || this.#isLoadingBefore || this.#views.length === 0) return;
        this.#isLoadingBefore = true;
        try {
            const before = this.#views[0].message.seq;
            const page = await this.#chat.messages({ before, limit: PAGE, signal: this.#closing.signal });
            const log = byID("log");
            // What is on the screen stays where it is.
            const distance = log.scrollHeight - log.scrollTop;
            this.#hasBefore = page.has_before;
            this.#insertSilently(page.messages.reverse());
            if (before > this.#unreadAfter) this.#showFirstUnread();
            this.#showStart();
            log.scrollTop = log.scrollHeight - distance;
        } catch (error) {
            if (!this.#closing.signal.aborted) byID("log-start").textContent = explain(error);
        } finally {
            this.#isLoadingBefore = false;
        }
    }

    get #isAtEnd() {
        const log = byID("log");
        return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
    }

    #scrollToEnd() {
        const log = byID("log");
        log.scrollTop = log.scrollHeight;
        this.#staysAtEnd = true;
        this.#missed = 0;
        this.#showMissed();
    }

    #returnToEnd() {
        this.#scrollToEnd();
        // The button that was clicked disappears.
        focusLog();
    }

    #scrolled() {
        if (byID("log").scrollTop < 600) this.#loadBefore();
        this.#noticeScrolling();
        if (this.#staysAtEnd) this.#missed = 0;
        this.#showMissed();
        this.#markRead();
    }

    /**
     * Learns whether the reader has left the end of the log.
     *
     * A log that shrinks scrolls by itself, and has grown again when the event arrives. So this also runs before each
     * change.
     */
    #noticeScrolling() {
        const { scrollTop } = byID("log");
        if (this.#isAtEnd) this.#staysAtEnd = true;
        else if (scrollTop < this.#lastTop) this.#staysAtEnd = false;
        this.#lastTop = scrollTop;
    }

    #showMissed() {
        const text = this.#missed === 1 ? "1 new message ↓" : `${this.#missed} new messages ↓`;
        byID("to-end").hidden = this.#missed === 0 && this.#isAtEnd;
        byID("to-end").textContent = this.#missed > 0 ? text : "Latest messages ↓";
    }

    #showStart() {
        const isEmpty = this.#views.length === 0;
        byID("log-start").textContent = isEmpty ? "" : this.#hasBefore ? "Loading…" : "This is where the chat starts.";
    }

    async #sendMarker() {
        const seen = this.#lastSeq;
        const isSeen = !document.hidden && this.#isAtEnd && !this.#closing.signal.aborted;
        if (!this.#session.hasUser || !isSeen || seen <= this.#readSeq) return;
        this.#readSeq = seen;
        // A reader who is no member has no marker.
        await this.#chat.read(seen).catch(() => {});
    }

    /** @param {any} event */
    #isTyping(event) {
        if (this.#session.wrote(event)) return;
        this.#typing.set(this.#writer(event), { event, until: Date.now() + TYPING_SECONDS * 1_000 });
        this.#showTyping();
    }

    /**
     * What tells apart who writes; names may become known later.
     * @param {any} event
     */
    #writer(event) {
        return event.author ?? this.#people.author(event);
    }

    #showTyping() {
        const now = Date.now();
        const typing = [...this.#typing.values()].filter(({ until }) => until > now);
        const names = typing.map(({ event }) => this.#people.author(event));
        const several = names.length > 3 ? "Several people are typing…" : `${LIST.format(names)} are typing…`;
        const text = names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing…` : several;
        if (byID("typing").textContent !== text) byID("typing").textContent = text;
    }

    /**
     * Arrow keys move between messages.
     * @param {KeyboardEvent} event
     */
    #moveFocus(event) {
        const index = this.#views.findIndex(({ element }) => element === event.target);
        const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
        if (index < 0 || step === 0) return;
        event.preventDefault();
        const next = this.#views[index + step];
        if (!next) return;
        this.#views[index].element.tabIndex = -1;
        next.element.tabIndex = 0;
        next.element.focus();
    }

    /** @param {string} title */
    #setTitle(title) {
        byID("chat-title").textContent = title;
    }

    /**
     * @param {string} text
     * @param {boolean} [isOver] whether nothing can be sent anymore
     */
    #setState(text, isOver = false) {
        byID("log-state").textContent = text;
        this.#composer.setOver(isOver);
        byID("log-back").hidden = !isOver;
        byID("chat").classList.toggle("over", isOver);
        this.#leaveHidden();
    }

    /** Hides what one's role does not permit, and offers to stop messages as long as it does. */
    #showRole() {
        const mayPost = this.#session.mayAs(this.#list.get(this.id)?.role, "member");
        byID("chat").classList.toggle("reading", !mayPost);
        this.#leaveHidden();
        if (mayPost === this.#mayPost) return;
        this.#mayPost = mayPost;
        for (const view of this.#views) if (view.message.state === "open") view.render();
    }

    /** Moves the focus from what is no longer shown. */
    #leaveHidden() {
        const focused = document.activeElement;
        if (focused && byID("chat").contains(focused) && isHidden(focused)) this.focus();
    }

    #clear() {
        const hadFocus = byID("log").contains(document.activeElement);
        this.#views = [];
        this.#pending.clear();
        this.#missed = 0;
        for (const id of ["messages", "outbox"]) byID(id).replaceChildren();
        for (const id of ["log-start", "log-state", "typing"]) byID(id).textContent = "";
        byID("to-end").hidden = true;
        byID("log-back").hidden = true;
        this.#composer.setOver(false);
        if (hadFocus) focusLog();
    }
}

/** @param {Element} element */
function isHidden(element) {
    return element.getClientRects().length === 0;
}

function focusLog() {
    byID("log").focus({ preventScroll: true });
}
