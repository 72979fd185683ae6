// The page on which people chat. It uses the same client as every other application: client.js.

import { ChatList } from "./chat-list.js";
import { Conversation } from "./conversation.js";
import { byID } from "./dom.js";
import { MembersDialog, NewChatDialog } from "./dialogs.js";
import { initials, hue, People } from "./people.js";
import { plug } from "./plug.js";
import { attempt, explain } from "./problems.js";
import { endSession, isOpen, knownCredentials, lastProblem, signIn, signOut } from "./session.js";

const STATUS = {
    idle: "Live",
    live: "Live",
    connecting: "Connecting…",
    catching_up: "Catching up…",
    offline: "Offline, retrying…",
};

start();

async function start() {
    const credentials = knownCredentials();
    if (!credentials) return askForCredentials(lastProblem());
    try {
        show(await signIn(credentials));
    } catch (error) {
        askForCredentials(explain(error));
    }
}

/** @param {string} problem why the known credentials no longer work */
function askForCredentials(problem) {
    byID("sign-in").hidden = false;
    byID("sign-in-hint").textContent = isOpen
        ? "This server is open: choose a name and start chatting. A second window can be someone else."
        : "Sign in with a user's token. chat-api token --user=ada prints one.";
    byID("sign-in-label").textContent = isOpen ? "Your name" : "Token";
    byID("sign-in-error").textContent = problem;
    const input = byID("sign-in-value");
    if (isOpen) input.maxLength = 64;
    input.focus();
    const form = byID("sign-in-form");
    form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const value = input.value.trim();
        if (value === "") return;
        attempt(form, byID("sign-in-error"), async () => {
            show(await signIn(isOpen ? { token: null, name: value } : { token: value, name: "" }));
        });
    });
}

/** @param {import("./session.js").Session} session */
function show(session) {
    const { client } = session;
    const people = new People(client);
    const list = new ChatList(session, people);
    const newChat = new NewChatDialog(session, (id) => {
        list.refresh();
        openChat(id);
    });
    /** @type {Conversation | null} */
    let conversation = null;

    byID("sign-in").hidden = true;
    byID("app").hidden = false;
    byID("own-name").textContent = session.name;
    const avatar = byID("own-avatar");
    avatar.textContent = initials(session.name);
    avatar.dataset.hue = hue(session.userID ?? session.name);

    byID("new-chat").addEventListener("click", () => newChat.show());
    byID("sign-out").addEventListener("click", signOut);
    byID("back").addEventListener("click", () => openChat(null));
    byID("plug").addEventListener("click", () => plug.pull());
    new MembersDialog(session, people, () => conversation?.id ?? null);

    plug.addEventListener("change", () => {
        byID("plug").textContent = plug.remaining > 0 ? `Back in ${plug.remaining} s` : "Pull the plug";
        byID("plug").disabled = plug.remaining > 0;
        if (plug.remaining === 0) client.networkRestored();
    });
    client.addEventListener("status", ({ detail: { error } }) => {
        if (error?.status === 401) return endSession(error);
        showStatus();
    });
    list.addEventListener("status", showStatus);
    showStatus();
    addEventListener("hashchange", route);
    route();
    list.run();

    function showStatus() {
        const status = client.status === "idle" && list.isOffline ? "offline" : client.status;
        byID("status").textContent = STATUS[status];
        byID("app").dataset.status = status;
    }

    /** @param {number | null} id */
    function openChat(id) {
        location.hash = id === null ? "" : `/chats/${id}`;
    }

    function route() {
        const id = Number(/^#\/chats\/(\d+)$/.exec(location.hash)?.[1] ?? 0) || null;
        if (conversation?.id === id && id !== null) return;
        conversation?.close();
        list.select(id);
        byID("app").dataset.view = id === null ? "list" : "chat";
        byID("no-chat").hidden = id !== null;
        byID("chat").hidden = id === null;
        conversation = id === null ? null : new Conversation(id, session, people, list);
        conversation?.open();
    }
}
