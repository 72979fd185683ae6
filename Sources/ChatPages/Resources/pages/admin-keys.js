// The server keys: list, create, revoke.

import { Rows, View, showCount, time } from "./admin-view.js";
import { FormDialog } from "./dialogs.js";
import { button, byID, element } from "./dom.js";
import { date } from "./time.js";

const SCOPES = {
    post: "Reads and posts in every chat, and acts as any user: for your backend.",
    read: "Reads every chat: for a search index or an export.",
    bot: "Is one user, and may do what that user may do.",
    admin: "May do everything, such as creating keys and issuing tokens.",
};

export class KeysView extends View {
    #rows;
    #confirmation;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {import("./admin-dialogs.js").ConfirmDialog} confirmation
     * @param {import("./admin-dialogs.js").SecretDialog} secrets
     */
    constructor(operator, confirmation, secrets) {
        super("keys", operator);
        this.#confirmation = confirmation;
        const creation = new NewKeyDialog(operator, secrets, () => this.refresh());
        const mayChange = operator.key !== null;
        this.#rows = new Rows(byID("keys"), ({ id }) => id, (key) => {
            return row(key, key.id === operator.keyID, mayChange ? () => this.#revoke(key) : null);
        });
        byID("new-key").hidden = !mayChange;
        byID("new-key").addEventListener("click", () => creation.show(), { signal: operator.signal });
        byID("keys-facts").textContent = mayChange
            ? "The credentials of your backend. The key in CHAT_SERVER_KEY is not in the list. Their use is recorded by the hour."
            : "To create and revoke keys, use a server key with the scope admin.";
    }

    async load() {
        const { keys } = await this.operator.request("GET", "/admin/keys");
        showCount(keys.length, "keys-state", "There are no keys in the database.");
        // Those that work come first, the newest first.
        const isRevoked = (/** @type {any} */ key) => Number(key.revoked_at !== undefined);
        this.#rows.show(keys.reverse().sort((/** @type {any} */ one, /** @type {any} */ other) => isRevoked(one) - isRevoked(other)));
    }

    /** @param {any} key */
    #revoke({ id, name }) {
        const text = id === this.operator.keyID
            ? "You are using this key now: you will be signed out. This cannot be undone."
            : "Requests with this key will fail, and its streams end. This cannot be undone.";
        const revoke = () => this.operator.request("DELETE", `/admin/keys/${id}`);
        this.#confirmation.ask({ question: "Revoke", name, text, verb: "Revoke" }, revoke, () => this.refresh());
    }
}

/**
 * @param {any} key
 * @param {boolean} isOwn whether it is the one with which this page is signed in
 * @param {(() => void) | null} revoke
 */
function row({ id, name, scope, created_at, last_used_at, revoked_at }, isOwn, revoke) {
    const state = revoked_at ? element("span.tag", {}, "Revoked") : element("span.tag.good", {}, "Valid");
    const lastUse = last_used_at ? time(last_used_at) : "Never";
    return element(
        revoked_at ? "tr.over" : "tr",
        {},
        element("th", { scope: "row" }, element("bdi", {}, name)),
        element("td", {}, element("span.tag", {}, scope)),
        element("td.code", {}, id),
        element("td", { "data-label": "Created" }, time(created_at, date)),
        element("td", { "data-label": "Last used" }, isOwn ? "Now" : lastUse),
        element(
            "td.number",
            {},
            state,
            revoke && !revoked_at ? button("quiet.danger", "Revoke", revoke, { "aria-label": `Revoke ${name}` }) : null,
        ),
    );
}

class NewKeyDialog extends FormDialog {
    #operator;
    #secrets;
    #onChange;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {import("./admin-dialogs.js").SecretDialog} secrets
     * @param {() => void} onChange
     */
    constructor(operator, secrets, onChange) {
        super("new-key", "new-key-error", operator.signal);
        this.#operator = operator;
        this.#secrets = secrets;
        this.#onChange = onChange;
        byID("new-key-scope").addEventListener("change", () => this.#showScope(), { signal: operator.signal });
    }

    show() {
        byID("new-key-form").reset();
        this.#showScope();
        super.show();
    }

    async submit() {
        const kind = byID("new-key-scope").value;
        const scope = kind === "bot" ? `bot:${byID("new-key-user").value.trim()}` : kind;
        const { key } = await this.#operator.request("POST", "/admin/keys", { name: byID("new-key-name").value.trim(), scope });
        this.dialog.close();
        this.#onChange();
        this.#secrets.show("key", key, "the server keeps a hash of it");
    }

    #showScope() {
        const kind = /** @type {keyof SCOPES} */ (byID("new-key-scope").value);
        byID("new-key-scope-hint").textContent = SCOPES[kind];
        byID("new-key-bot").hidden = kind !== "bot";
        byID("new-key-user").required = kind === "bot";
    }
}
