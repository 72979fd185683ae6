// Where messages are written: new ones, replies and edits.

import { byID, throttled } from "./dom.js";
import { explain } from "./problems.js";

const TYPING_INTERVAL = 3_000;
// What is written in each chat and not sent, while the page is open.
/** @type {Map<number, string>} */
const drafts = new Map();

export class Composer {
    #chat;
    #session;
    #onSend;
    #input = byID("draft");
    /** @type {any} the message to which the draft replies */
    #original = null;
    /** @type {any} the message that the draft changes */
    #edited = null;
    #announceTyping;
    #isSaving = false;

    /**
     * @param {import("../client.js").Chat} chat
     * @param {import("./session.js").Session} session
     * @param {{ signal: AbortSignal, onSend: () => void }} options
     */
    constructor(chat, session, { signal, onSend }) {
        this.#chat = chat;
        this.#session = session;
        this.#onSend = onSend;
        // Typing is not worth an error.
        this.#announceTyping = throttled(TYPING_INTERVAL, () => {
            if (!signal.aborted && this.#input.value !== "") chat.typing(session.metadata).catch(() => {});
        });
        this.#input.addEventListener("input", () => this.#typed(), { signal });
        this.#input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#pressed(event), { signal });
        byID("draft-cancel").addEventListener("click", () => this.#reset(), { signal });
        byID("composer").addEventListener(
            "submit",
            (/** @type {SubmitEvent} */ event) => {
                event.preventDefault();
                this.#submit();
            },
            { signal },
        );
        this.#reset();
    }

    /**
     * @param {any} message
     * @param {string} author
     */
    reply(message, author) {
        this.#reset();
        this.#original = message;
        this.#showContext(`Reply to ${author}: ${message.text}`);
        this.#input.focus();
    }

    /** @param {any} message */
    edit(message) {
        this.#reset();
        this.#edited = message;
        this.#showContext("Edit your message");
        byID("send").textContent = "Save";
        this.#input.value = message.text;
        this.#resize();
        this.#input.focus();
    }

    #submit() {
        const text = this.#input.value.trim();
        if (text === "") return;
        if (this.#edited) {
            this.#save(text);
        } else {
            this.#chat.send(text, { replyTo: this.#original?.id, metadata: this.#session.metadata });
            drafts.delete(this.#chat.id);
            this.#reset();
            this.#onSend();
        }
    }

    /** @param {string} text */
    async #save(text) {
        if (this.#isSaving) return;
        this.#isSaving = true;
        try {
            await this.#chat.edit(this.#edited.id, text, { revision: this.#edited.revision });
            this.#reset();
        } catch (error) {
            byID("draft-error").textContent = explain(error);
        } finally {
            this.#isSaving = false;
        }
    }

    #typed() {
        this.#resize();
        byID("draft-error").textContent = "";
        if (this.#edited) return;
        drafts.set(this.#chat.id, this.#input.value);
        this.#announceTyping();
    }

    /** @param {KeyboardEvent} event */
    #pressed(event) {
        if (event.key === "Escape") {
            this.#reset();
        } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            this.#submit();
        }
    }

    #resize() {
        this.#input.style.height = "auto";
        // The height includes the border.
        const border = this.#input.offsetHeight - this.#input.clientHeight;
        this.#input.style.height = `${this.#input.scrollHeight + border}px`;
    }

    /** @param {string} text */
    #showContext(text) {
        byID("draft-context").hidden = false;
        byID("draft-label").textContent = text;
    }

    #reset() {
        this.#original = null;
        this.#edited = null;
        this.#input.value = drafts.get(this.#chat.id) ?? "";
        this.#resize();
        byID("draft-context").hidden = true;
        byID("draft-error").textContent = "";
        byID("send").textContent = "Send";
    }
}
