// The page on which people chat. It uses the same client as every other application: client.js.

import { ChatList } from "./chat-list.js";
import { Conversation } from "./conversation.js";
import { byID } from "./dom.js";
import { mayLose, MembersDialog, NewChatDialog } from "./dialogs.js";
import { initials, hue, People } from "./people.js";
import { plug } from "./plug.js";
import { attempt } from "./problems.js";
import { endSession, isOpen, knownCredentials, lastProblem, linkedCredentials, signIn, signOut, STATUS } from "./session.js";

/** @type {import("./session.js").Session | null} */
let session = null;

byID("sign-in-form").addEventListener("submit", submitCredentials);
// Before the listener that shows a chat, because a link with credentials shows none.
addEventListener("hashchange", followLink);
start();

async function start() {
    byID("sign-in-error").textContent = lastProblem();
    byID("sign-in").hidden = false;
    const credentials = linkedCredentials() ?? knownCredentials();
    if (credentials) await trySignIn(credentials);
    if (!session) askForCredentials();
}

/** @param {import("./session.js").Credentials} credentials */
function trySignIn(credentials) {
    byID("sign-in-error").textContent = "";
    return attempt(byID("sign-in-form"), byID("sign-in-error"), async () => {
        session = await signIn(credentials);
        show(session);
    });
}

/**
 * Signs in by a link that is opened while the page is.
 * @param {HashChangeEvent} event
 */
async function followLink({ oldURL }) {
    const credentials = linkedCredentials();
    if (!credentials) return;
    history.replaceState(null, "", oldURL);
    if (!session) await trySignIn(credentials);
    else if (await mayLose(session.client.pending.length)) signOut(credentials);
}

function askForCredentials() {
    byID("sign-in-fields").hidden = false;
    byID("sign-in-hint").textContent = isOpen
        ? "This server is open: choose a name and start chatting. A second window can be someone else."
        : "Sign in with a user's token. chat-api token --user=ada prints one.";
    byID("sign-in-label").textContent = isOpen ? "Your name" : "Token";
    const input = byID("sign-in-value");
    if (isOpen) input.maxLength = 64;
    input.focus();
}

/** @param {SubmitEvent} event */
function submitCredentials(event) {
    event.preventDefault();
    const value = byID("sign-in-value").value.trim();
    if (value !== "") trySignIn(isOpen ? { token: null, name: value } : { token: value, name: "" });
}

/** @param {import("./session.js").Session} session */
function show(session) {
    const { client } = session;
    const people = new People(client, new Map(session.userID === null ? [] : [[session.userID, session.name]]));
    const list = new ChatList(session, people);
    const newChat = new NewChatDialog(session, (id) => {
        list.refresh();
        openChat(id);
    });
    /** @type {Conversation | null} */
    let conversation = null;

    const hadFocus = byID("sign-in").contains(document.activeElement);
    byID("sign-in").hidden = true;
    byID("app").hidden = false;
    byID("own-name").textContent = session.name;
    const avatar = byID("own-avatar");
    avatar.textContent = initials(session.name);
    avatar.dataset.hue = hue(session.userID ?? session.name);

    byID("new-chat").addEventListener("click", () => newChat.show());
    byID("sign-out").addEventListener("click", async () => {
        if (await mayLose(client.pending.length)) signOut();
    });
    for (const id of ["back", "log-back"]) byID(id).addEventListener("click", () => openChat(null));
    byID("plug").addEventListener("click", () => plug.pull());
    // A link to the chat that is open changes nothing, and routes nowhere.
    byID("chats").addEventListener("click", (/** @type {MouseEvent} */ { target }) => {
        const link = /** @type {Element} */ (target).closest("a");
        if (link?.hash === location.hash) conversation?.reopen();
    });
    new MembersDialog(session, people, () => conversation?.id ?? null, () => list.get(conversation?.id ?? 0)?.role);

    plug.addEventListener("change", () => {
        byID("plug").textContent = plug.remaining > 0 ? `Back in ${plug.remaining} s` : "Pull the plug";
        byID("plug").disabled = plug.remaining > 0;
        if (plug.remaining === 0) client.networkRestored();
    });
    client.addEventListener("status", ({ detail: { error } }) => {
        if (error?.status === 401) return endSession();
        showStatus();
    });
    list.addEventListener("status", showStatus);
    list.addEventListener("rejected", endSession);
    showStatus();
    addEventListener("hashchange", route);
    route();
    if (hadFocus) focusView();
    list.run();

    function showStatus() {
        const status = client.status === "idle" && list.isOffline ? "offline" : client.status;
        for (const id of ["status", "chat-status"]) byID(id).textContent = STATUS[status];
        byID("app").dataset.status = status;
    }

    function focusView() {
        if (conversation) conversation.focus();
        else list.focus(null);
    }

    /** @param {number | null} id */
    function openChat(id) {
        location.hash = id === null ? "" : `/chats/${id}`;
        if (conversation?.id === id) conversation.reopen();
    }

    function route() {
        const id = Number(/^#\/chats\/(\d+)$/.exec(location.hash)?.[1] ?? 0) || null;
        const previous = conversation?.id ?? null;
        if (previous === id) return;
        // They are about the chat that was open.
        for (const dialog of document.querySelectorAll("dialog")) dialog.close();
        const usesKeyboard = document.activeElement?.matches(":focus-visible");
        conversation?.close();
        list.select(id);
        byID("app").dataset.view = id === null ? "list" : "chat";
        byID("no-chat").hidden = id !== null;
        byID("chat").hidden = id === null;
        conversation = id === null ? null : new Conversation(id, session, people, list);
        conversation?.open();
        if (id === null) list.focus(previous);
        else if (usesKeyboard) conversation?.focus();
    }
}
