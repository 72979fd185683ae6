// The webhooks: list and create. One of them, with its state, is in admin-webhook.js.

import { Rows, View, showCount } from "./admin-view.js";
import { ReplayDialog, UNREADABLE, WebhookDetails, chatsOf, typesOf } from "./admin-webhook.js";
import { FormDialog } from "./dialogs.js";
import { byID, element } from "./dom.js";
import { since } from "./time.js";

/** So many states are read each time the list is refreshed: all at once would use up the quota of an open server. */
const STATES_PER_LOAD = 5;

export class WebhooksView extends View {
    /** What was read last, by id; a webhook whose turn comes is moved to the end. */
    #states = new Map();
    #rows = new Rows(byID("webhooks"), ({ id }) => id, row);
    /** @type {(id: number) => WebhookDetails} */
    #open;
    /** @type {WebhookDetails | null} */
    #details = null;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {import("./admin-dialogs.js").ConfirmDialog} confirmation
     * @param {import("./admin-dialogs.js").SecretDialog} secrets
     */
    constructor(operator, confirmation, secrets) {
        super("webhooks", operator);
        const refresh = () => this.refresh();
        const creation = new NewWebhookDialog(operator, secrets, refresh);
        const replay = new ReplayDialog(operator, refresh);
        this.#open = (id) => new WebhookDetails(id, operator, { confirmation, secrets, replay }, refresh);
        byID("new-webhook").addEventListener("click", () => creation.show(), { signal: operator.signal });
        byID("webhook").hidden = true;
        byID("webhook-list").hidden = false;
    }

    /** @param {number | null} id */
    select(id) {
        if (id === (this.#details?.id ?? null)) return;
        this.#details?.close();
        this.#details = id === null ? null : this.#open(id);
        byID("webhook-list").hidden = id !== null;
        // The link that was followed is hidden now.
        if (id === null) byID("webhooks-heading").focus();
        this.refresh();
    }

    async load() {
        if (this.#details) return this.#details.load();
        const { webhooks } = await this.operator.request("GET", "/webhooks");
        const ids = new Set(webhooks.map((/** @type {any} */ { id }) => id));
        const known = [...this.#states.keys()].filter((id) => ids.has(id));
        const turns = [...ids].filter((id) => !this.#states.has(id)).concat(known).slice(0, STATES_PER_LOAD);
        const states = await Promise.all(turns.map((id) => this.operator.find(`/webhooks/${id}/state`)));
        for (const [index, id] of turns.entries()) {
            this.#states.delete(id);
            // A state that is missing is that of a webhook deleted meanwhile.
            if (states[index]) this.#states.set(id, states[index]);
            else ids.delete(id);
        }
        for (const id of [...this.#states.keys()]) if (!ids.has(id)) this.#states.delete(id);
        const items = webhooks.filter((/** @type {any} */ { id }) => ids.has(id)).map((/** @type {any} */ webhook) => {
            const state = this.#states.get(webhook.id);
            return { ...webhook, ...state, enabled: webhook.enabled, waiting: state ? waiting(state) : "…" };
        });
        showCount(items.length, "webhooks-state", "There are no webhooks yet.");
        this.#rows.show(items);
    }
}

/** @param {any} state */
function waiting({ pending_chats, pending_since }) {
    if (pending_chats === 0) return "None";
    return pending_since ? `${pending_chats.toLocaleString()}, the oldest for ${since(pending_since)}` : pending_chats.toLocaleString();
}

/** @param {any} webhook */
function row(webhook) {
    const { id, url, waiting } = webhook;
    return element(
        "tr",
        {},
        element("th", { scope: "row" }, element("a", { href: `#/webhooks/${id}` }, element("bdi", {}, url))),
        element("td.code.id", {}, `#${id}`),
        element("td", { "data-label": "Types" }, typesOf(webhook)),
        element("td", { "data-label": "Chats" }, chatsOf(webhook)),
        element("td", { "data-label": "Chats waiting" }, waiting),
        element("td.number", {}, ...state(webhook)),
    );
}

/**
 * What the operator has to know first.
 * @param {any} webhook
 */
function state({ enabled, disabled_reason, failing_chats = 0, stalled_chats = 0, last_error }) {
    if (!enabled) return [element("span.tag", {}, "Disabled"), element("p.note", {}, disabled_reason)];
    if (failing_chats + stalled_chats === 0) return [element("span.tag.good", {}, "Enabled")];
    const counts = { failing: failing_chats, stalled: stalled_chats };
    const text = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${count.toLocaleString()} ${what}` : []));
    return [element("span.tag.bad", {}, text.join(", ")), element("p.note", {}, last_error)];
}

class NewWebhookDialog extends FormDialog {
    #operator;
    #secrets;
    #onChange;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {import("./admin-dialogs.js").SecretDialog} secrets
     * @param {() => void} onChange
     */
    constructor(operator, secrets, onChange) {
        super("new-webhook", "new-webhook-error", operator.signal);
        this.#operator = operator;
        this.#secrets = secrets;
        this.#onChange = onChange;
    }

    show() {
        byID("new-webhook-form").reset();
        super.show();
    }

    async submit() {
        const types = new FormData(byID("new-webhook-form")).getAll("type");
        const chats = byID("new-webhook-chats").value.match(/\d+/g)?.map(Number);
        const { secret } = await this.#operator.request("POST", "/webhooks", {
            url: byID("new-webhook-url").value.trim(),
            types: types.length > 0 ? types : null,
            chats: chats ?? null,
            with: byID("new-webhook-offline").checked ? ["offline"] : [],
        });
        this.dialog.close();
        this.#onChange();
        this.#secrets.show("secret", secret, UNREADABLE);
    }
}
