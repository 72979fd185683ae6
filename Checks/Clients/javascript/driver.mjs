// Runs the client for the scenarios: a JSON command per line on stdin, a JSON event per line on stdout.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { ChatClient } from "../../../Sources/ChatPages/Resources/client.js";

/** A store in a JSON file, which is replaced atomically. */
class FileStore {
    #path;
    #values;

    constructor(path) {
        this.#path = path;
        this.#values = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
    }

    get(name) {
        return this.#values[name] ?? null;
    }

    set(name, value) {
        if (value === null) delete this.#values[name];
        else this.#values[name] = value;
        writeFileSync(`${this.#path}.new`, JSON.stringify(this.#values));
        renameSync(`${this.#path}.new`, this.#path);
    }
}

const print = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const cancellations = new Map();
const replies = new Map();
let client;
let answerToken;

function askForToken() {
    print({ event: "token_needed" });
    return new Promise((resolve, reject) => {
        answerToken = ({ token, error }) => (error === undefined ? resolve(token) : reject(new Error(error)));
    });
}

function printMessage({ detail: { chatID, key, status, message, error } }) {
    print({ event: "message", chat: chatID, key, status, seq: message?.seq, code: error?.code });
}

async function printEvents(chat, after) {
    const cancellation = new AbortController();
    cancellations.set(chat, cancellation);
    try {
        for await (const data of client.chat(chat).events({ after, signal: cancellation.signal })) {
            print({ event: "entry", chat, data });
        }
    } catch (error) {
        console.error(error);
    }
    if (!cancellation.signal.aborted) print({ event: "ended", chat });
}

async function printInbox() {
    for await (const data of client.inbox()) print({ event: "inbox", data });
}

async function finish({ key }) {
    const reply = replies.get(key);
    try {
        const { id, state } = await reply.done();
        print({ event: "reply", key, id, state });
    } catch (error) {
        print({ event: "reply", key, id: await reply.id.catch(() => 0), code: error.code });
    }
}

const find = ({ chat, key }) => client.chat(chat).pending.find((pending) => pending.key === key);

const commands = {
    start({ url, store, min_delay: minDelay, max_delay: maxDelay }) {
        client = new ChatClient({ url, token: askForToken, store: new FileStore(store), minDelay, maxDelay });
        client.addEventListener("status", ({ detail }) => print({ event: "status", status: detail.status }));
        client.addEventListener("outbox", printMessage);
        print({ event: "started" });
    },
    token: (answer) => answerToken(answer),
    follow: ({ chat, after }) => printEvents(chat, after),
    unfollow: ({ chat }) => cancellations.get(chat).abort(),
    inbox: printInbox,
    send: ({ chat, text, key }) => client.chat(chat).send(text, { key }),
    retry: ({ chat, key }) => client.chat(chat).retry(find({ chat, key })),
    discard: ({ chat, key }) => client.chat(chat).discard(find({ chat, key })),
    reply: ({ chat, key }) => replies.set(key, client.chat(chat).reply({ key })),
    append: ({ key, text }) => replies.get(key).write(text),
    finish,
    pending: ({ chat }) => print({ event: "pending", chat, keys: client.chat(chat).pending.map(({ key }) => key) }),
    online: () => client.networkRestored(),
    stop: () => input.close(),
};

const input = createInterface({ input: process.stdin });
for await (const line of input) {
    const command = JSON.parse(line);
    commands[command.do](command);
}
client?.close();
