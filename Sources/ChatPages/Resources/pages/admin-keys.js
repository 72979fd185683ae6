// The server keys: list, create, revoke.

import { Rows, View } from "./admin-view.js";
import { FormDialog } from "./dialogs.js";
import { button, byID, element } from "./dom.js";
import { date, full, short } from "./time.js";

const SCOPES = {
    post: "Reads and posts in every chat, and acts as any user: for your backend.",
    read: "Reads every chat: for a search index or an export.",
    bot: "Is one user, and may do what that user may do.",
    admin: "May do everything, such as creating keys and issuing tokens.",
};

export class KeysView extends View {
    #rows;

    /** @param {import("./admin-operator.js").Operator} operator */
    constructor(operator) {
        super("keys", operator);
        const revocation = new RevokeDialog(operator, () => this.refresh());
        const creation = new NewKeyDialog(operator, () => this.refresh());
        const mayChange = operator.key !== null;
        this.#rows = new Rows(byID("keys"), ({ id }) => id, (key) => {
            return row(key, key.id === operator.keyID, mayChange ? () => revocation.ask(key) : null);
        });
        byID("new-key").hidden = !mayChange;
        byID("new-key").addEventListener("click", () => creation.show(), { signal: operator.signal });
        byID("keys-facts").textContent = mayChange
            ? "The credentials of your backend. The key in CHAT_SERVER_KEY is not in the list. Their use is recorded by the hour."
            : "To create and revoke keys, use a server key with the scope admin.";
    }

    async load() {
        const { keys } = await this.operator.request("GET", "/admin/keys");
        this.showCount(keys.length, "keys-state", "There are no keys in the database.");
        // Those that work come first, the newest first.
        const isRevoked = (/** @type {any} */ key) => Number(key.revoked_at !== undefined);
        this.#rows.show(keys.reverse().sort((/** @type {any} */ one, /** @type {any} */ other) => isRevoked(one) - isRevoked(other)));
    }
}

/**
 * @param {any} key
 * @param {boolean} isOwn whether it is the one with which this page is signed in
 * @param {(() => void) | null} revoke
 */
function row({ id, name, scope, created_at, last_used_at, revoked_at }, isOwn, revoke) {
    const time = (/** @type {string} */ instant, /** @type {(instant: string) => string} */ format) => {
        return element("time", { datetime: instant, title: full(instant) }, format(instant));
    };
    const state = revoked_at ? element("span.tag", {}, "Revoked") : element("span.tag.good", {}, "Valid");
    const lastUse = last_used_at ? time(last_used_at, short) : "Never";
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
    #onChange;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {() => void} onChange
     */
    constructor(operator, onChange) {
        super("new-key", "new-key-error", operator.signal);
        this.#operator = operator;
        this.#onChange = onChange;
        const { signal } = operator;
        byID("new-key-scope").addEventListener("change", () => this.#showScope(), { signal });
        byID("copy-key").addEventListener("click", () => this.#copy(), { signal });
        // Closed in any way, it forgets the key.
        byID("made-key-dialog").addEventListener("close", () => (byID("made-key").value = ""), { signal });
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
        byID("made-key").value = key;
        byID("made-key-state").textContent = "";
        byID("made-key-dialog").showModal();
        byID("made-key").select();
    }

    #showScope() {
        const kind = /** @type {keyof SCOPES} */ (byID("new-key-scope").value);
        byID("new-key-scope-hint").textContent = SCOPES[kind];
        byID("new-key-bot").hidden = kind !== "bot";
        byID("new-key-user").required = kind === "bot";
    }

    async #copy() {
        byID("made-key").select();
        try {
            // Only a secure context has a clipboard.
            await navigator.clipboard.writeText(byID("made-key").value);
            byID("made-key-state").textContent = "Copied.";
        } catch {
            byID("made-key-state").textContent = "The key is selected: copy it with the keyboard.";
        }
    }
}

class RevokeDialog extends FormDialog {
    #operator;
    #onChange;
    /** @type {any} */
    #key = null;

    /**
     * @param {import("./admin-operator.js").Operator} operator
     * @param {() => void} onChange
     */
    constructor(operator, onChange) {
        super("revoke-key", "revoke-key-error", operator.signal);
        this.#operator = operator;
        this.#onChange = onChange;
    }

    /** @param {any} key */
    ask(key) {
        this.#key = key;
        byID("revoke-key-name").textContent = key.name;
        byID("revoke-key-text").textContent = key.id === this.#operator.keyID
            ? "You are using this key now: you will be signed out. This cannot be undone."
            : "Requests with this key will fail, and its streams end. This cannot be undone.";
        this.show();
    }

    async submit() {
        await this.#operator.request("DELETE", `/admin/keys/${this.#key.id}`);
        this.dialog.close();
        this.#onChange();
    }
}
