// One chat in a frame of another page. That page signs the user in with messages: docs/clients.md, "Embed the page".

import { Conversation } from "./conversation.js";
import { byID } from "./dom.js";
import { People } from "./people.js";
import { explain } from "./problems.js";
import { signInFrame, STATUS } from "./session.js";

const CHAT = Number(/\/embed\/chat\/(\d+)\/?$/.exec(location.pathname)?.[1]);
// The origins of the pages that may embed this one.
const EMBEDDERS = document.body.dataset.embedders?.split(" ") ?? [];

/** What the inbox says of the chat; nothing if the user is no member, or in open mode. */
class OneChat extends EventTarget {
    /** @type {any} */
    #chat = null;

    get() {
        return this.#chat;
    }

    /** Nothing to do: the inbox says what has changed, and in open mode nothing shows it. */
    refresh() {}

    /**
     * Resolves when the present state is known.
     * @param {import("./session.js").Session} session
     */
    load(session) {
        return session.hasUser ? new Promise((resolve, reject) => this.#follow(session.client, resolve).catch(reject)) : null;
    }

    /**
     * @param {import("../client.js").ChatClient} client
     * @param {(value: unknown) => void} onLoaded
     */
    async #follow(client, onLoaded) {
        for await (const line of client.inbox()) {
            if (line.type === "caught_up") onLoaded(null);
            if (line.type === "reset" || (line.type === "left" && line.chat_id === CHAT)) this.#chat = null;
            if (line.type !== "chat" || line.chat_id !== CHAT) continue;
            this.#chat = { ...line.chat, role: line.role, read_seq: line.read_seq };
            this.dispatchEvent(new CustomEvent("chat", { detail: CHAT }));
        }
    }
}

if (parent === window) say("This page belongs in a frame of another page.");
else start().catch((error) => say(explain(error)));

async function start() {
    say("Signing in…");
    const session = await signInFrame(askForCredentials);
    const { client } = session;
    const showStatus = () => {
        byID("status").textContent = STATUS[client.status];
        byID("app").dataset.status = client.status;
    };
    client.addEventListener("status", showStatus);
    showStatus();
    const chat = new OneChat();
    await chat.load(session);
    say("");
    byID("chat").hidden = false;
    new Conversation(CHAT, session, new People(client), chat).open();
}

/** @param {string} text */
function say(text) {
    byID("frame-state").textContent = text;
}

/**
 * Asks the page around this one for the user's credentials.
 * @returns {Promise<import("./session.js").Credentials>}
 */
function askForCredentials() {
    return new Promise((resolve) => {
        const answered = (/** @type {MessageEvent} */ { source, origin, data }) => {
            if (source !== parent || !EMBEDDERS.includes(origin) || data?.type !== "chat.token") return;
            removeEventListener("message", answered);
            const { token, name } = data;
            resolve({ token: typeof token === "string" ? token : null, name: typeof name === "string" ? name : "" });
        };
        addEventListener("message", answered);
        // Every page may read this.
        parent.postMessage({ type: "chat.token_needed" }, "*");
    });
}
