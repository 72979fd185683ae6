// One chat for operators: what it is, who belongs to it, and its log, which grows live.

import { byID, element, fill, throttled } from "./dom.js";
import { hue, initials } from "./people.js";
import { explain } from "./problems.js";
import { date, exact, full } from "./time.js";

const PAGE = 100;
// Entries on the page; further ones replace the earliest.
const SHOWN = 1_000;
// The log follows new entries if its end is this close, in pixels.
const NEAR_END = 60;

export class LogView {
    #chat;
    #people;
    #closing = new AbortController();
    #first = 0;
    #count = 0;
    #loadMembers = throttled(1_000, () => this.#showMembers().catch(() => {}));
    /** @type {any[]} */
    #members = [];

    /**
     * @param {number} id
     * @param {import("./admin-operator.js").Operator} operator
     * @param {import("./people.js").People} people
     */
    constructor(id, operator, people) {
        this.#chat = operator.client.chat(id);
        this.#people = people;
    }

    open() {
        const { signal } = this.#closing;
        this.#clear();
        fill(byID("chat-title"), "");
        fill(byID("chat-facts"), "");
        byID("log-state").textContent = "Loading…";
        byID("earlier").addEventListener("click", () => this.#showEarlier(), { signal });
        this.#people.addEventListener("change", () => this.#renderMembers(), { signal });
        this.#run();
    }

    close() {
        this.#closing.abort();
    }

    async #run() {
        const { signal } = this.#closing;
        try {
            while (!signal.aborted) {
                const chat = await this.#chat.get({ limit: 1, signal });
                this.#clear();
                this.#showChat(chat);
                this.#loadMembers();
                this.#first = Math.max(0, chat.last_seq - PAGE);
                byID("earlier").hidden = this.#first === 0;
                byID("log-state").textContent = chat.last_seq === 0 ? "Nothing has happened in this chat yet." : "";
                if (!(await this.#follow(this.#first))) return;
            }
        } catch (error) {
            if (!signal.aborted) byID("log-state").textContent = explain(error);
        }
    }

    /**
     * Shows entries as they come; returns whether the chat must be loaded again.
     * @param {number} after
     */
    async #follow(after) {
        for await (const event of this.#chat.events({ after, signal: this.#closing.signal })) {
            if (event.type === "reset") return true;
            if (event.type === "chat.deleted") {
                byID("log-state").textContent = "The chat was deleted.";
            } else if ("seq" in event) {
                this.#append(event);
                if ("chat" in event) this.#showChat(event.chat);
                if (event.type.startsWith("member.")) this.#loadMembers();
            }
        }
        return false;
    }

    /** @param {any} entry */
    #append(entry) {
        const log = byID("log");
        const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
        const entries = byID("entries");
        entries.append(row(entry));
        this.#count += 1;
        if (this.#count > SHOWN && isAtEnd) {
            entries.firstElementChild.remove();
            this.#count -= 1;
            this.#first += 1;
            byID("earlier").hidden = false;
        }
        byID("log-state").textContent = "";
        byID("chat-position").textContent = entry.seq.toLocaleString();
        if (isAtEnd) log.scrollTop = log.scrollHeight;
    }

    async #showEarlier() {
        const after = Math.max(0, this.#first - PAGE);
        const limit = this.#first - after;
        if (limit === 0) return;
        const log = byID("log");
        try {
            const page = await this.#chat.log({ after, limit, signal: this.#closing.signal });
            // What is on the screen stays where it is.
            const distance = log.scrollHeight - log.scrollTop;
            byID("entries").prepend(...page.entries.map(row));
            this.#count += page.entries.length;
            this.#first = after;
            byID("earlier").hidden = after === 0;
            log.scrollTop = log.scrollHeight - distance;
        } catch (error) {
            if (!this.#closing.signal.aborted) byID("log-state").textContent = explain(error);
        }
    }

    /** @param {any} chat */
    #showChat({ id, title, visibility, created_at, last_seq, message_count }) {
        byID("chat-title").textContent = title;
        const messages = message_count === 1 ? "1 message" : `${message_count.toLocaleString()} messages`;
        byID("chat-facts").textContent = `#${id} · ${visibility} · ${messages} · created ${date(created_at)}`;
        byID("chat-position").textContent = last_seq.toLocaleString();
    }

    async #showMembers() {
        const { members, next_cursor } = await this.#chat.members({ limit: 100, signal: this.#closing.signal });
        this.#members = members;
        byID("members-state").textContent = next_cursor ? "And more." : members.length === 0 ? "None" : "";
        this.#renderMembers();
    }

    #renderMembers() {
        byID("members").replaceChildren(...this.#members.map(({ user_id: id, role }) => {
            const name = this.#people.name(id);
            const avatar = element("span.avatar", { "aria-hidden": true, "data-hue": hue(id) }, initials(name));
            return element("li", { title: id }, avatar, element("bdi", {}, name), element("span.role", {}, role));
        }));
    }

    #clear() {
        this.#count = 0;
        this.#members = [];
        byID("entries").replaceChildren();
        byID("members").replaceChildren();
        byID("members-state").textContent = "";
        byID("earlier").hidden = true;
    }
}

/** @param {any} entry */
function row(entry) {
    const { seq, type, at, author } = entry;
    return element(
        "li",
        { "data-kind": type.split(".")[0] },
        element("span.seq", {}, seq.toLocaleString()),
        element("time", { datetime: at, title: full(at) }, exact(at)),
        element("span.type", {}, type),
        element("span.author", {}, element("bdi", {}, author ?? "–")),
        content(entry),
    );
}

/** @param {any} entry */
function content({ message, users, role, chat }) {
    if (message?.deleted_at) return element("span.text.faint", {}, `Message ${message.seq}, deleted since`);
    if (message) return element("span.text", { dir: "auto" }, message.text);
    if (users) return element("span.text", {}, users.join(", "), role ? element("span.faint", {}, ` as ${role}`) : null);
    return element("span.text", { dir: "auto" }, chat?.title ?? "");
}
