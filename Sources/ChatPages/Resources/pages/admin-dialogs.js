// The dialogs that views of the page for operators share.

import { FormDialog } from "./dialogs.js";
import { byID } from "./dom.js";

/** Shows a secret once. */
export class SecretDialog {
    /** @param {AbortSignal} signal aborts when the dialog is no longer needed */
    constructor(signal) {
        byID("copy-secret").addEventListener("click", () => this.#copy(), { signal });
        // Closed in any way, it forgets the secret.
        byID("secret-dialog").addEventListener("close", () => (byID("secret").value = ""), { signal });
    }

    /**
     * @param {string} kind what it is
     * @param {string} secret
     * @param {string} reason why it is shown only once
     */
    show(kind, secret, reason) {
        byID("secret-kind").textContent = kind;
        byID("secret-reason").textContent = reason;
        byID("secret").value = secret;
        byID("secret-state").textContent = "";
        byID("secret-dialog").showModal();
        byID("secret").select();
    }

    async #copy() {
        byID("secret").select();
        try {
            // Only a secure context has a clipboard.
            await navigator.clipboard.writeText(byID("secret").value);
            byID("secret-state").textContent = "Copied.";
        } catch {
            byID("secret-state").textContent = "It is selected: copy it with the keyboard.";
        }
    }
}

/** Asks before something that cannot be undone. */
export class ConfirmDialog extends FormDialog {
    /** @type {() => Promise<any>} */
    #action = async () => {};
    /** @type {(answer: any) => void} */
    #then = () => {};

    /** @param {AbortSignal} signal aborts when the dialog is no longer needed */
    constructor(signal) {
        super("confirm", "confirm-error", signal);
    }

    /**
     * @param {{ question: string, name: string, text: string, verb: string }} words the question ends with the name; the
     *   text says what will happen, and the verb is on the button
     * @param {() => Promise<any>} action
     * @param {(answer: any) => void} then runs after the action, once the dialog is closed
     */
    ask({ question, name, text, verb }, action, then) {
        byID("confirm-question").textContent = question;
        byID("confirm-name").textContent = name;
        byID("confirm-text").textContent = text;
        byID("confirm").textContent = verb;
        this.#action = action;
        this.#then = then;
        this.show();
    }

    async submit() {
        const answer = await this.#action();
        this.dialog.close();
        this.#then(answer);
    }
}
