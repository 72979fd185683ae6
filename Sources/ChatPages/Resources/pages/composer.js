// Where messages are written: new ones, replies and edits.

import { byID, throttled } from "./dom.js";
import { explain, waiting } from "./problems.js";

const TYPING_INTERVAL = 3_000;
// What the server accepts, in Unicode scalars.
const MAX_LENGTH = 5_000;
const COUNTED_FROM = 4_500;

export class Composer {
    #chat;
    #session;
    #onSend;
    #signal;
    #input = byID("draft");
    #announceTyping;
    #isSaving = false;
    #isOver = false;

    /**
     * @param {import("../client.js").Chat} chat
     * @param {import("./session.js").Session} session
     * @param {{ signal: AbortSignal, onSend: () => void }} options
     */
    constructor(chat, session, { signal, onSend }) {
        this.#chat = chat;
        this.#session = session;
        this.#onSend = onSend;
        this.#signal = signal;
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
        this.#show();
    }

    get #draft() {
        return this.#session.drafts.get(this.#chat.id);
    }

    /** @param {Partial<import("./drafts.js").Draft>} change */
    #change(change) {
        this.#session.drafts.change(this.#chat.id, change);
    }

    focus() {
        this.#input.focus();
    }

    /**
     * Lets a person write, or when the chat is over only copy what is written.
     * @param {boolean} isOver
     */
    setOver(isOver) {
        this.#isOver = isOver;
        this.#input.readOnly = isOver || this.#isSaving;
        byID("composer").hidden = isOver && this.#input.value === "";
    }

    /**
     * @param {number} id
     * @param {string} label what the message says, and who wrote it
     */
    reply(id, label) {
        this.#change({ reply: { id, label }, edit: undefined });
        this.#show();
        this.focus();
    }

    /**
     * Takes back a text that was not sent, before what is written already.
     * @param {string} text
     */
    takeBack(text) {
        const draft = this.#draft.text;
        this.#change({ text: draft.trim() === "" ? text : `${text}\n\n${draft}`, reply: undefined, edit: undefined });
        this.#show();
        this.focus();
    }

    /** @param {any} message */
    edit(message) {
        const { id, revision, text } = message;
        this.#change({ reply: undefined, edit: { id, revision, text } });
        this.#show();
        this.focus();
    }

    #submit() {
        const text = this.#input.value.trim();
        if (text === "" || this.#input.readOnly) return;
        const { edit, reply } = this.#draft;
        const excess = lengthOf(text) - MAX_LENGTH;
        if (excess > 0) {
            byID("draft-error").textContent =
                `A message has at most ${MAX_LENGTH.toLocaleString()} characters. Shorten this one by ${excess.toLocaleString()}.`;
        } else if (edit) {
            this.#save({ ...edit, text });
        } else {
            this.#chat.send(text, { replyTo: reply?.id, metadata: this.#session.metadata });
            this.#change({ text: "", reply: undefined });
            this.#show();
            this.#onSend();
        }
    }

    /** @param {{ id: number, revision: number, text: string }} edit */
    async #save(edit) {
        this.#setSaving(true);
        // Meanwhile, another chat may be opened, and this one again.
        this.#change({ edit: undefined });
        try {
            const save = () => this.#chat.edit(edit.id, edit.text, { revision: edit.revision });
            await waiting(byID("draft-error"), save, this.#signal);
            if (!this.#signal.aborted) this.#show();
        } catch (error) {
            this.#change({ edit });
            if (this.#signal.aborted) return;
            this.#show();
            byID("draft-error").textContent = explain(error);
        }
    }

    #typed() {
        this.#measure();
        byID("draft-error").textContent = "";
        const text = this.#input.value;
        const { edit } = this.#draft;
        this.#change(edit ? { edit: { ...edit, text } } : { text });
        if (!edit) this.#announceTyping();
    }

    /** @param {KeyboardEvent} event */
    #pressed(event) {
        if (this.#input.readOnly) return;
        if (event.key === "Escape") {
            this.#cancel();
        } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            this.#submit();
        }
    }

    /** @param {boolean} isSaving */
    #setSaving(isSaving) {
        this.#isSaving = isSaving;
        this.#input.readOnly = isSaving || this.#isOver;
        byID("composer").classList.toggle("busy", isSaving);
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

    #cancel() {
        this.#change({ reply: undefined, edit: undefined });
        this.#show();
        this.focus();
    }

    #show() {
        const { text, reply, edit } = this.#draft;
        this.#setText(edit?.text ?? text);
        this.#setSaving(false);
        byID("draft-context").hidden = !reply && !edit;
        byID("draft-label").textContent = edit ? "Edit your message" : reply?.label ?? "";
        byID("draft-error").textContent = "";
        byID("send").textContent = edit ? "Save" : "Send";
    }
}

/**
 * The length of a text in Unicode scalars, as the server counts.
 * @param {string} text
 */
function lengthOf(text) {
    return [...text].length;
}
