// One webhook: its state, the chats that fail, and what an operator can do about it.

import { Rows, showCount, tile, time } from "./admin-view.js";
import { FormDialog } from "./dialogs.js";
import { button, byID, element } from "./dom.js";
import { attempt } from "./problems.js";
import { date, full, since } from "./time.js";

/** Why the secret is shown only once. */
export const UNREADABLE = "no other response contains it";

/** @param {any} webhook */
export const typesOf = ({ types }) => types?.join(", ") ?? "All";

/** @param {any} webhook */
export const chatsOf = ({ chats }) => chats?.map((/** @type {number} */ id) => `#${id}`).join(", ") ?? "All";

export class WebhookDetails {
    #operator;
    #dialogs;
    #refresh;
    #closing = new AbortController();
    #rows = new Rows(byID("failing"), ({ chat_id }) => chat_id, (chat) => row(chat, () => this.#resume(chat)));
    /** @type {any} the webhook as it was last read */
    #webhook = null;

    /**
     * @param {number} id
     * @param {import("./admin-operator.js").Operator} operator
     * @param {{ confirmation: import("./admin-dialogs.js").ConfirmDialog, secrets: import("./admin-dialogs.js").SecretDialog, replay: ReplayDialog }} dialogs
     * @param {() => void} refresh
     */
    constructor(id, operator, dialogs, refresh) {
        this.id = id;
        this.#operator = operator;
        this.#dialogs = dialogs;
        this.#refresh = refresh;
        const actions = {
            "test-webhook": () => this.#attempt(() => this.#test()),
            "replay-webhook": () => dialogs.replay.ask(id),
            "replace-webhook-secret": () => this.#replaceSecret(),
            "switch-webhook": () => this.#attempt(() => this.#switch()),
            "delete-webhook": () => this.#delete(),
        };
        const { signal } = this.#closing;
        for (const [id, action] of Object.entries(actions)) byID(id).addEventListener("click", action, { signal });
        byID("webhook-note").textContent = "";
        byID("webhook-error").textContent = "";
    }

    close() {
        this.#closing.abort();
        byID("webhook").hidden = true;
    }

    async load() {
        const [webhook, state] = await Promise.all(
            ["", "/state"].map((part) => this.#operator.find(`/webhooks/${this.id}${part}`)),
        );
        if (this.#closing.signal.aborted) return;
        if (!webhook || !state) return location.replace("#/webhooks");
        this.#webhook = webhook;
        this.#show({ ...webhook, ...state });
        if (!byID("webhook").hidden) return;
        byID("webhook").hidden = false;
        // The list may have been scrolled.
        scrollTo(0, 0);
        byID("webhook-heading").focus();
    }

    /** @param {any} webhook */
    #show(webhook) {
        const { pending_chats, pending_since, failing_chats, stalled_chats, failing } = webhook;
        byID("webhook-url").textContent = webhook.url;
        byID("webhook-facts").textContent = facts(webhook);
        byID("switch-webhook").textContent = webhook.enabled ? "Disable" : "Enable";
        byID("webhook-numbers").replaceChildren(
            tile("State", webhook.enabled ? "Enabled" : "Disabled", webhook.disabled_reason),
            tile("Chats waiting", pending_chats.toLocaleString(), pending_since ? `The oldest for ${since(pending_since)}` : null),
            tile("Failing chats", failing_chats.toLocaleString(), "Their requests are repeated"),
            tile("Stalled chats", stalled_chats.toLocaleString(), "Given up after three days"),
            tile("Last success", webhook.last_success_at ? time(webhook.last_success_at) : "–"),
            tile("Last failure", webhook.last_failure_at ? time(webhook.last_failure_at) : "–", webhook.last_error),
        );
        showCount(failing.length, "failing-state", "There are none.");
        this.#rows.show(failing);
    }

    /**
     * Carries out one action at a time, and shows what came of it.
     * @param {() => Promise<string>} action
     */
    #attempt(action) {
        byID("webhook-note").textContent = "";
        byID("webhook-error").textContent = "";
        return attempt(byID("webhook"), byID("webhook-error"), async () => {
            const result = await action();
            if (this.#closing.signal.aborted) return;
            byID("webhook-note").textContent = result;
            this.#refresh();
        });
    }

    /**
     * @param {string} method
     * @param {string} part
     * @param {unknown} [body]
     */
    #request(method, part, body) {
        return this.#operator.request(method, `/webhooks/${this.id}${part}`, body);
    }

    async #test() {
        const { delivered, status, milliseconds, error } = await this.#request("POST", "/test");
        return delivered
            ? `Delivered in ${milliseconds.toLocaleString()} ms: HTTP status ${status}.`
            : `Not delivered after ${milliseconds.toLocaleString()} ms: ${error}.`;
    }

    async #switch() {
        const { enabled } = await this.#request("PATCH", "", { enabled: !this.#webhook.enabled });
        return enabled ? "Enabled. Failing and stalled chats are retried at once." : "Disabled. It misses nothing: when you enable it, it continues where it stopped.";
    }

    /** @param {any} chat */
    #resume({ chat_id, seq }) {
        return this.#attempt(async () => {
            await this.#request("POST", "/replay", { chat_id, after: seq });
            return `Chat #${chat_id} is sent again after position ${seq.toLocaleString()}.`;
        });
    }

    #replaceSecret() {
        this.#dialogs.confirmation.ask(
            {
                question: "Replace the secret of",
                name: this.#webhook.url,
                text: "For 24 hours, each request is signed with both secrets: configure the new one in your receiver within that time.",
                verb: "Replace",
            },
            () => this.#request("POST", "/secret", {}),
            ({ secret }) => this.#dialogs.secrets.show("secret", secret, UNREADABLE),
        );
    }

    #delete() {
        this.#dialogs.confirmation.ask(
            {
                question: "Delete",
                name: this.#webhook.url,
                text: "It will receive nothing more, and its positions are lost. This cannot be undone.",
                verb: "Delete",
            },
            () => this.#request("DELETE", ""),
            () => location.replace("#/webhooks"),
        );
    }
}

/** @param {any} webhook */
function facts(webhook) {
    const { id, created_at, with: additions, old_secret_expires_at: expiry } = webhook;
    const offline = additions.includes("offline") ? " Names members who are offline." : "";
    const secrets = expiry && Date.parse(expiry) > Date.now() ? ` Two secrets sign each request until ${full(expiry)}.` : "";
    return `#${id}, created ${date(created_at)}. Types: ${typesOf(webhook)}. Chats: ${chatsOf(webhook)}.${offline}${secrets}`;
}

/**
 * @param {any} chat
 * @param {() => void} resume
 */
function row({ chat_id, seq, tries, failing_since, error, retry_at }, resume) {
    const verb = retry_at ? "Retry now" : "Resume";
    return element(
        "tr",
        {},
        element("th", { scope: "row" }, element("a", { href: `#/chats/${chat_id}` }, `#${chat_id}`)),
        element("td", { "data-label": "Position" }, seq.toLocaleString()),
        element("td", { "data-label": "Failing since" }, time(failing_since)),
        element("td", { "data-label": "Tries" }, tries.toLocaleString()),
        element("td", {}, error),
        element(
            "td.number",
            { "data-label": "Next try" },
            retry_at ? time(retry_at) : element("span.tag.bad", {}, "Stalled"),
            button("quiet", verb, resume, { "aria-label": `${verb}: chat #${chat_id}` }),
        ),
    );
}

export class ReplayDialog extends FormDialog {
    #operator;
    #onChange;
    #id = 0;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {() => void} onChange
     */
    constructor(operator, onChange) {
        super("replay", "replay-error", operator.signal);
        this.#operator = operator;
        this.#onChange = onChange;
    }

    /** @param {number} id of the webhook */
    ask(id) {
        this.#id = id;
        byID("replay-form").reset();
        this.show();
    }

    async submit() {
        await this.#operator.request("POST", `/webhooks/${this.#id}/replay`, {
            chat_id: Number(byID("replay-chat").value),
            after: Number(byID("replay-after").value),
        });
        this.dialog.close();
        this.#onChange();
    }
}
