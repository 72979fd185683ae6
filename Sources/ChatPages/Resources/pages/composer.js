// Where messages are written: new ones, replies and edits.

import { byID, throttled } from "./dom.js";
import { explain } from "./problems.js";

const TYPING_INTERVAL = 3_000;
// What the server accepts, in Unicode scalars.
const MAX_LENGTH = 5_000;
const COUNTED_FROM = 4_500;
// What is written in each chat and not sent, while the page is open.
/** @type {Map<number, string>} */
const drafts = new Map();

export class Composer {
    #chat;
    #session;
    #onSend;
    #input = byID("draft");
    /** @type {number | undefined} the message to which the draft replies */
    #replyTo;
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
        byID("draft-cancel").addEventListener("click", () => this.#cancel(), { signal });
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

    focus() {
        this.#input.focus();
    }

    /**
     * @param {number} id
     * @param {string} label what the message says, and who wrote it
     */
    reply(id, label) {
        this.#reset();
        this.#replyTo = id;
        this.#showContext(label);
        this.focus();
    }

    /**
     * Takes back a text that was not sent, before what is written already.
     * @param {string} text
     */
    takeBack(text) {
        const draft = drafts.get(this.#chat.id) ?? "";
        drafts.set(this.#chat.id, draft.trim() === "" ? text : `${text}\n\n${draft}`);
        this.#reset();
        this.focus();
    }

    /** @param {any} message */
    edit(message) {
        this.#reset();
        this.#edited = message;
        this.#showContext("Edit your message");
        byID("send").textContent = "Save";
        this.#setText(message.text);
        this.focus();
    }

    #submit() {
        const text = this.#input.value.trim();
        if (text === "") return;
        const excess = lengthOf(text) - MAX_LENGTH;
        if (excess > 0) {
            byID("draft-error").textContent =
                `A message has at most ${MAX_LENGTH.toLocaleString()} characters. Shorten this one by ${excess.toLocaleString()}.`;
        } else if (this.#edited) {
            this.#save(text);
        } else {
            this.#chat.send(text, { replyTo: this.#replyTo, metadata: this.#session.metadata });
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
        this.#measure();
        byID("draft-error").textContent = "";
        if (this.#edited) return;
        drafts.set(this.#chat.id, this.#input.value);
        this.#announceTyping();
    }

    /** @param {KeyboardEvent} event */
    #pressed(event) {
        if (event.key === "Escape") {
            this.#cancel();
        } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            this.#submit();
        }
    }

    /** @param {string} text */
    #setText(text) {
        this.#input.value = text;
        this.#measure();
    }

    /** Fits the height to the text, and counts the characters close to the limit. */
    #measure() {
        const length = lengthOf(this.#input.value.trim());
        const count = byID("draft-count");
        count.textContent =
            length < COUNTED_FROM ? "" : `${length.toLocaleString()} of ${MAX_LENGTH.toLocaleString()} characters`;
        count.classList.toggle("error", length > MAX_LENGTH);
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

    #cancel() {
        this.#reset();
        this.focus();
    }

    #reset() {
        this.#replyTo = undefined;
        this.#edited = null;
        this.#setText(drafts.get(this.#chat.id) ?? "");
        byID("draft-context").hidden = true;
        byID("draft-error").textContent = "";
        byID("send").textContent = "Send";
    }
}

/**
 * The length of a text in Unicode scalars, as the server counts.
 * @param {string} text
 */
function lengthOf(text) {
    return [...text].length;
}
