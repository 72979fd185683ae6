// A message that is not sent yet, or that the server rejected.

import { button, element, fill, linked } from "./dom.js";
import { explain } from "./problems.js";

export class PendingView {
    #actions;

    /**
     * @param {import("../client.js").PendingMessage} pending
     * @param {{ retry: () => void, edit: () => void, discard: () => void }} actions
     */
    constructor(pending, actions) {
        this.pending = pending;
        this.#actions = actions;
        this.element = element("div.message.own.pending.together");
        this.render();
    }

    render() {
        const { text, status, error } = this.pending;
        const hasFailed = status === "failed";
        this.element.classList.toggle("failed", hasFailed);
        const note = hasFailed ? `Not sent: ${reason(error)}` : "Sending…";
        const notes = element(
            "p.notes",
            {},
            element("span", hasFailed ? { role: "alert" } : {}, note),
            hasFailed ? button("quiet", "Try again", this.#actions.retry) : null,
            hasFailed ? button("quiet", "Edit", this.#actions.edit) : null,
            hasFailed ? button("quiet", "Discard", this.#actions.discard) : null,
        );
        const bubble = element("div.bubble", {}, element("div.text", { dir: "auto" }, ...linked(text)));
        fill(this.element, element("div.row", {}, element("div.content", {}, bubble, notes)));
    }
}

/** @param {any} error */
function reason(error) {
    return error.code === "forbidden" ? "You may only read this chat." : explain(error);
}
