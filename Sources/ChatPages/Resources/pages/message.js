// A message in the log.

import { askFirst, button, element, fill, linked } from "./dom.js";
import { hue, initials } from "./people.js";
import { explainEnd } from "./problems.js";
import { clock, day, full, isSameDay } from "./time.js";

// Messages of one author this close together share a heading, in milliseconds.
const TOGETHER = 5 * 60_000;

/**
 * @typedef {{
 *     reply: () => void, edit: () => void, delete: () => void, find: (id: number) => MessageView | null,
 *     stop: () => void, mayStop: () => boolean,
 * }} Actions
 */

export class MessageView {
    #session;
    #people;
    #actions;
    /** @type {any} */
    #previous = null;
    #isFirstUnread = false;
    #isStopping = false;
    #problem = "";
    // What changes while the message is open.
    #text = new Text();
    #activity = element("span.activity");

    /**
     * @param {any} message
     * @param {import("./session.js").Session} session
     * @param {import("./people.js").People} people
     * @param {Actions} actions
     */
    constructor(message, session, people, actions) {
        this.message = message;
        this.#session = session;
        this.#people = people;
        this.#actions = actions;
        this.element = element("div.message", { role: "article", tabindex: -1 });
        this.render();
    }

    /** @param {any} message a later state of it */
    update(message) {
        this.message = message;
        this.#problem = "";
        this.render();
    }

    /**
     * Shows more of its text. The text stays the same node, so a reader can select what is there already.
     * @param {any} message
     */
    grow(message) {
        const { text, status } = this.message;
        this.message = message;
        if (message.text.startsWith(text)) this.#text.appendData(message.text.slice(text.length));
        else this.#text.data = message.text;
        if (message.status !== status) this.#activity.textContent = message.status ?? "";
    }

    /** Its writer was asked to stop. */
    stopping() {
        this.#isStopping = true;
        this.#problem = "";
        this.render();
    }

    /** @param {any} previous the message before it, as far as it is loaded */
    setPrevious(previous) {
        this.#previous = previous;
        this.render();
    }

    /** @param {boolean} isFirst */
    setFirstUnread(isFirst) {
        this.#isFirstUnread = isFirst;
        this.render();
    }

    /** @param {string} problem why an action on it failed */
    complain(problem) {
        this.#isStopping = false;
        this.#problem = problem;
        this.render();
    }

    render() {
        const { message } = this;
        const previous = this.#previous;
        const author = this.#people.author(message);
        const isOwn = this.#session.wrote(message);
        const isNewDay = !previous || !isSameDay(previous.created_at, message.created_at);
        const isTogether =
            !isNewDay && !this.#isFirstUnread && this.#people.author(previous) === author &&
            Date.parse(message.created_at) - Date.parse(previous.created_at) < TOGETHER;
        const time = element("time", { datetime: message.created_at, title: full(message.created_at) }, clock(message.created_at));
        this.element.className = "message";
        this.element.classList.toggle("own", isOwn);
        this.element.classList.toggle("together", isTogether);
        this.#setOpen(message.state === "open");
        this.element.setAttribute("aria-label", `${author}, ${clock(message.created_at)}`);
        const hadFocus = this.element.contains(document.activeElement);
        const picture = element("span.avatar", { "aria-hidden": true, "data-hue": hue(message.author ?? author) }, initials(author));
        fill(
            this.element,
            isNewDay ? element("h2.day", {}, day(message.created_at)) : null,
            this.#isFirstUnread ? element("p.first-unread", {}, "New") : null,
            element(
                "div.row",
                {},
                picture,
                element(
                    "div.content",
                    {},
                    element("p.heading", {}, element("strong", {}, element("bdi", {}, author)), time),
                    this.#bubble(),
                    this.#notes(),
                    message.deleted_at ? null : this.#buttons(isOwn),
                ),
            ),
        );
        // A button that was focused is replaced.
        if (hadFocus) this.element.focus({ preventScroll: true });
    }

    /**
     * A screen reader reads the message once, when it is complete.
     * @param {boolean} isOpen
     */
    #setOpen(isOpen) {
        this.element.classList.toggle("open", isOpen);
        if (isOpen) {
            this.element.setAttribute("aria-live", "off");
            this.element.setAttribute("aria-busy", "true");
        } else {
            this.element.removeAttribute("aria-live");
            this.element.removeAttribute("aria-busy");
        }
    }

    /** Whether it ended before it had any text. */
    get #isBlank() {
        return this.message.text === "" && this.message.state !== "open";
    }

    #bubble() {
        const { message } = this;
        if (message.deleted_at) return element("div.bubble.blank", {}, "This message was deleted.");
        if (this.#isBlank) return element("div.bubble.blank", {}, explainEnd(message));
        this.#text.data = message.text;
        const nodes = message.state === "open" ? [this.#text] : linked(message.text);
        const text = element("div.text", { dir: "auto" }, ...nodes);
        return element("div.bubble", {}, message.reply_to ? this.#quote(message.reply_to) : null, text);
    }

    /** @param {number} id */
    #quote(id) {
        const original = this.#actions.find(id);
        const text = original?.message.deleted_at ? "This message was deleted." : original?.message.text;
        const author = original ? this.#people.author(original.message) : "An earlier message";
        const content = [element("cite", {}, author), text ?? ""];
        if (!original) return element("blockquote", { dir: "auto" }, ...content);
        const show = () => {
            original.element.scrollIntoView({ block: "center", behavior: "smooth" });
            original.element.focus({ preventScroll: true });
        };
        return element("blockquote", { dir: "auto" }, element("button", { type: "button", onclick: show }, ...content));
    }

    #notes() {
        /** @type {(Node | null)[]} */
        const notes = [];
        const { state, status } = this.message;
        this.#activity.textContent = status ?? "";
        if (state === "open") notes.push(this.#activity, this.#stopButton());
        if ((state === "failed" || state === "cancelled") && !this.#isBlank) {
            notes.push(element("span", {}, explainEnd(this.message)));
        }
        if (this.message.edited_at && !this.message.deleted_at) notes.push(element("span", {}, "edited"));
        if (this.#problem) notes.push(element("span.error", { role: "alert" }, this.#problem));
        return notes.length > 0 ? element("p.notes", {}, ...notes) : null;
    }

    #stopButton() {
        if (this.#isStopping) return element("span", {}, "Stopping…");
        return this.#actions.mayStop() ? button("stop", "Stop", this.#actions.stop) : null;
    }

    #deleteButton() {
        const created = button("quiet", "Delete", () => {});
        askFirst(created, "Really delete?", () => this.#actions.delete());
        return created;
    }

    /** @param {boolean} isOwn */
    #buttons(isOwn) {
        return element(
            "div.actions",
            {},
            button("quiet", "Reply", this.#actions.reply),
            isOwn && this.message.state !== "open" ? button("quiet", "Edit", this.#actions.edit) : null,
            isOwn ? this.#deleteButton() : null,
        );
    }
}
