// The chats by activity, and one of them: its members and its log.

import { LogView } from "./admin-log.js";
import { Rows, View, showCount } from "./admin-view.js";
import { byID, element } from "./dom.js";
import { People } from "./people.js";
import { short } from "./time.js";

const PAGE = 50;

export class ChatsView extends View {
    #people;
    #rows = new Rows(byID("chats"), ({ id }) => id, row);
    /** How many pages are shown. */
    #pages = 1;
    /** @type {number | null} */
    #selected = null;
    /** @type {LogView | null} */
    #log = null;

    /** @param {import("./admin-operator.js").Operator} operator */
    constructor(operator) {
        super("chats", operator);
        this.#people = new People(operator.client);
        const { signal } = operator;
        byID("chats-state").textContent = "Loading…";
        byID("search").value = "";
        byID("search").addEventListener("input", () => this.#restart(), { signal });
        byID("more-chats").addEventListener("click", () => this.#showMore(), { signal });
    }

    /** @param {number | null} id */
    select(id) {
        if (id === this.#selected && (id === null) === (this.#log === null)) return;
        this.#log?.close();
        this.#selected = id;
        byID("chats-view").dataset.view = id === null ? "list" : "chat";
        byID("no-chat").hidden = id !== null;
        byID("chat").hidden = id === null;
        this.#log = id === null ? null : new LogView(id, this.operator, this.#people);
        this.#log?.open();
        this.refresh();
    }

    async load() {
        const q = byID("search").value.trim();
        const query = new URLSearchParams({ q, limit: String(PAGE) });
        const chats = [];
        for (let page = 0; page < this.#pages; page += 1) {
            // The client would try again without an end, and nothing would say so.
            const answer = await this.operator.request("GET", `/chats/?${query}`);
            chats.push(...answer.chats);
            if (!answer.next_cursor) {
                query.delete("cursor");
                break;
            }
            query.set("cursor", answer.next_cursor);
        }
        byID("more-chats").hidden = !query.has("cursor");
        showCount(chats.length, "chats-state", q ? "No chat has this in its title." : "There are no chats yet.");
        this.#rows.show(chats.map((chat) => ({ ...chat, isSelected: chat.id === this.#selected })));
    }

    #restart() {
        this.#pages = 1;
        this.refresh();
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }
}

/** @param {any} chat */
function row({ id, title, last_message_at, created_at, message_count, isSelected }) {
    const time = last_message_at ?? created_at;
    return element(
        "li",
        {},
        element(
            "a",
            { href: `#/chats/${id}`, "aria-current": isSelected ? "page" : null },
            element("bdi.title", {}, title),
            element("time", { datetime: time }, short(time)),
            element("span.note", {}, message_count === 1 ? "1 message" : `${message_count.toLocaleString()} messages`),
            element("span.note.id", {}, `#${id}`),
        ),
    );
}
