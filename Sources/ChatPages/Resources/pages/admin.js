// The page for operators. A server key stays in this tab's memory: a reload forgets it.

import { ChatsView } from "./admin-chats.js";
import { ConfirmDialog, SecretDialog } from "./admin-dialogs.js";
import { KeysView } from "./admin-keys.js";
import { Operator } from "./admin-operator.js";
import { ServerView } from "./admin-server.js";
import { StreamsView } from "./admin-streams.js";
import { WebhooksView } from "./admin-webhooks.js";
import { byID } from "./dom.js";
import { explain } from "./problems.js";
import { isOpen } from "./session.js";

/** @type {{ operator: Operator, views: Record<string, import("./admin-view.js").View>, shown: string | null } | null} */
let current = null;

byID("sign-in-form").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const operator = new Operator(byID("sign-in-key").value.trim());
    try {
        await operator.check();
        byID("sign-in-key").value = "";
        start(operator);
    } catch (error) {
        operator.close();
        byID("sign-in-error").textContent = explain(error);
    }
});
byID("sign-in-cancel").addEventListener("click", () => start(new Operator(null)));
byID("use-key").addEventListener("click", () => askForKey(""));
// Nothing is stored, so this forgets everything.
byID("forget-key").addEventListener("click", () => location.reload());
addEventListener("hashchange", route);

if (isOpen) start(new Operator(null));
else askForKey("");

/** @param {string} problem why the known key no longer works */
function askForKey(problem) {
    stop();
    byID("app").hidden = true;
    byID("sign-in").hidden = false;
    byID("sign-in-cancel").hidden = !isOpen;
    byID("sign-in-error").textContent = problem;
    byID("sign-in-key").focus();
}

/** @param {Operator} operator */
function start(operator) {
    stop();
    byID("sign-in").hidden = true;
    byID("app").hidden = false;
    byID("use-key").hidden = operator.key !== null;
    byID("forget-key").hidden = operator.key === null;
    operator.addEventListener("status", () => {
        byID("app").dataset.status = operator.isOnline ? "live" : "offline";
        byID("status").textContent = operator.isOnline ? "Live" : "Offline, retrying…";
    });
    operator.addEventListener("rejected", (event) => {
        askForKey(explain(/** @type {CustomEvent<Error>} */ (event).detail));
    });
    const confirmation = new ConfirmDialog(operator.signal);
    const secrets = new SecretDialog(operator.signal);
    current = {
        operator,
        views: {
            chats: new ChatsView(operator),
            streams: new StreamsView(operator),
            webhooks: new WebhooksView(operator, confirmation, secrets),
            keys: new KeysView(operator, confirmation, secrets),
            server: new ServerView(operator),
        },
        shown: null,
    };
    route();
}

function stop() {
    if (!current) return;
    for (const view of Object.values(current.views)) view.hide();
    current.operator.close();
    current = null;
}

/** Shows the view in the URL's fragment: `#/streams`, or `#/chats/7`. */
function route() {
    if (!current) return;
    const [, wanted = "", id = ""] = /^#\/(\w+)(?:\/(\d+))?$/.exec(location.hash) ?? [];
    const name = wanted in current.views ? wanted : "chats";
    if (current.shown !== name) {
        if (current.shown) current.views[current.shown].hide();
        current.shown = name;
        current.views[name].show();
    }
    current.views[name].select(id === "" ? null : Number(id));
    for (const link of document.querySelectorAll("nav a")) {
        if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
}
