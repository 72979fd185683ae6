// Dialogs: any with a form, a new chat, the members of a chat, and the question before unsent messages are lost.

import { askFirst, button, byID, element } from "./dom.js";
import { attempt } from "./problems.js";

/** @param {string} text */
const usersIn = (text) => text.split(",").map((id) => id.trim()).filter((id) => id !== "");

/** A dialog with a form that may fail. */
export class FormDialog {
    /**
     * @param {string} name
     * @param {string} error the id of the element for errors
     * @param {AbortSignal} [signal] aborts when the dialog is no longer needed
     */
    constructor(name, error, signal) {
        this.dialog = byID(`${name}-dialog`);
        this.error = byID(error);
        this.controller = new AbortController();
        byID(`${name}-form`).addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            this.attempt(() => this.submit());
        }, { signal });
        this.dialog.querySelector("[value=cancel]").addEventListener("click", () => this.dialog.close(), { signal });
        this.dialog.addEventListener("close", () => this.controller.abort(), { signal });
    }

    show() {
        this.error.textContent = "";
        this.controller = new AbortController();
        this.dialog.showModal();
    }

    async submit() {}

    /**
     * Carries out one action at a time, and shows why it failed.
     * @param {() => Promise<void>} action
     */
    attempt(action) {
        this.error.textContent = "";
        return attempt(this.dialog, this.error, action);
    }
}

export class NewChatDialog extends FormDialog {
    #session;
    #onCreated;

    /**
     * @param {import("./session.js").Session} session
     * @param {(id: number) => void} onCreated
     */
    constructor(session, onCreated) {
        super("new-chat", "new-chat-error");
        this.#session = session;
        this.#onCreated = onCreated;
        byID("new-chat-people").hidden = !session.hasUser;
    }

    show() {
        byID("new-chat-form").reset();
        super.show();
    }

    async submit() {
        const title = byID("new-chat-title").value;
        const members = usersIn(byID("new-chat-members").value);
        const { signal } = this.controller;
        const draft = { title, members: members.length > 0 ? members : undefined, signal };
        const chat = await this.#session.client.createChat(draft);
        this.dialog.close();
        this.#onCreated(chat.id);
    }
}

export class MembersDialog extends FormDialog {
    #session;
    #people;
    #chatID;
    #role;
    /** @type {import("../client.js").Member[]} */
    #members = [];
    #hasMore = false;

    /**
     * @param {import("./session.js").Session} session
     * @param {import("./people.js").People} people
     * @param {() => number | null} chatID the chat that is open
     * @param {() => import("../client.js").Role | undefined} role one's own role there
     */
    constructor(session, people, chatID, role) {
        super("members", "members-error");
        this.#session = session;
        this.#people = people;
        this.#chatID = chatID;
        this.#role = role;
        people.addEventListener("change", () => this.#render());
        byID("show-members").hidden = !session.hasUser;
        byID("show-members").addEventListener("click", () => this.show());
        askFirst(byID("leave"), "Really leave?", () => this.attempt(() => this.#leave()));
    }

    get #chat() {
        return this.#session.client.chat(this.#chatID() ?? 0);
    }

    show() {
        byID("members-form").reset();
        this.#members = [];
        this.#hasMore = false;
        this.#render();
        super.show();
        this.attempt(() => this.#load());
    }

    async submit() {
        await this.#chat.addMembers(usersIn(byID("new-member").value));
        byID("new-member").value = "";
        await this.#load();
    }

    async #load() {
        const { members, next_cursor } = await this.#chat.members({ limit: 100 });
        this.#members = members;
        this.#hasMore = next_cursor !== null;
        this.#render();
    }

    /**
     * @param {string} id
     * @param {import("../client.js").Role} role
     */
    #mayRemove(id, role) {
        if (id === this.#session.userID) return false;
        const needed = this.#session.mayAs(role, "moderator") ? "owner" : "moderator";
        return this.#session.mayAs(this.#role(), needed);
    }

    #render() {
        for (const part of ["adding", "add"]) byID(part).hidden = !this.#session.mayAs(this.#role(), "moderator");
        const index = this.#removeButtons.findIndex((remove) => remove === document.activeElement);
        const rows = this.#members.map(({ user_id: id, role }) => {
            const remove = button("quiet", "Remove", () => this.attempt(() => this.#remove(id)), {
                "aria-label": `Remove ${this.#people.name(id)}`,
            });
            const name = element("span.name", { dir: "auto" }, this.#people.name(id));
            return element("li", {}, name, element("span.role", {}, role), this.#mayRemove(id, role) ? remove : null);
        });
        if (this.#hasMore) rows.push(element("li.hint", {}, "And more."));
        byID("members").replaceChildren(...rows);
        // The button that was focused is replaced or, if its member was removed, gone.
        const buttons = this.#removeButtons;
        if (index >= 0) (buttons[index] ?? buttons.at(-1) ?? byID("new-member")).focus();
    }

    /** @param {string} user */
    async #remove(user) {
        await this.#chat.removeMember(user);
        await this.#load();
    }

    get #removeButtons() {
        return [...byID("members").querySelectorAll("button")];
    }

    async #leave() {
        await this.#chat.removeMember(this.#session.userID ?? "");
        this.dialog.close();
        location.hash = "";
    }
}

/**
 * Asks before messages are lost; without any, there is nothing to ask.
 * @param {number} unsent
 * @returns {Promise<boolean>} whether the user wants to sign out
 */
export async function mayLose(unsent) {
    if (unsent === 0) return true;
    const dialog = byID("unsent-dialog");
    byID("unsent-text").textContent =
        unsent === 1
            ? "One message is not sent yet. If you sign out, it is lost."
            : `${unsent.toLocaleString()} messages are not sent yet. If you sign out, they are lost.`;
    dialog.returnValue = "stay";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    return dialog.returnValue === "leave";
}
