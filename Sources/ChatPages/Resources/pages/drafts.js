// What is written and not sent: it stays with the tab, as unsent messages do.

/**
 * What is written in a chat: a text that may reply to a message, and meanwhile the new text of a message that one edits.
 * @typedef {object} Draft
 * @property {string} text
 * @property {{ id: number, label: string }} [reply]
 * @property {{ id: number, revision: number, text: string }} [edit]
 */

export class Drafts {
    #key;
    /** @type {Record<number, Draft>} */
    #drafts;

    /** @param {string | null} owner null to keep them as long as the page only */
    constructor(owner) {
        this.#key = owner === null ? null : `chat/${owner}/drafts`;
        this.#drafts = JSON.parse((this.#key && sessionStorage.getItem(this.#key)) ?? "{}");
    }

    /**
     * @param {number} chatID
     * @returns {Draft}
     */
    get(chatID) {
        return this.#drafts[chatID] ?? { text: "" };
    }

    /**
     * @param {number} chatID
     * @param {Partial<Draft>} change
     */
    change(chatID, change) {
        const draft = { ...this.get(chatID), ...change };
        if (draft.text === "" && !draft.reply && !draft.edit) delete this.#drafts[chatID];
        else this.#drafts[chatID] = draft;
        if (this.#key === null) return;
        try {
            sessionStorage.setItem(this.#key, JSON.stringify(this.#drafts));
        } catch {
            // The storage is full: the draft lasts as long as the page.
        }
    }
}
