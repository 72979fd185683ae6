// Runs the samples in docs/clients.md, in the order in which they appear there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Server, tokenFor } from "./server.mjs";

const page = readFileSync(new URL("../../../docs/clients.md", import.meta.url), "utf8");
const section = page.slice(page.indexOf("## JavaScript")).split(/\n## (?!JavaScript)/)[0];
const samples = Array.from(section.matchAll(/```js\n(.*?)```/gs), ([, code]) => code);

// Each sample has the imports that it needs, but a module imports a name once.
const IMPORT = /^import \{ (.*) \} from ("[^"]+");$/gm;
const importsOf = (code) =>
    Array.from(code.matchAll(IMPORT)).flatMap(([, names, from]) => names.split(", ").map((name) => [name, from]));
const imports = new Map(samples.flatMap(importsOf));

const folder = mkdtempSync(join(tmpdir(), "chat-samples-"));
const workingFolder = process.cwd();
const server = new Server();
// The application's backend, which gives Ada her tokens.
const backend = createServer((_, response) => response.end(tokenFor("ada")));
const rendered = { chats: [], messages: [], pending: [], replies: [], statuses: [] };
let sample;
let key;

/** Resolves when something was rendered that passes. */
async function rendering(kind, passes) {
    while (!rendered[kind].some(passes)) await new Promise((resolve) => setImmediate(resolve));
}

before(async () => {
    await server.start();
    backend.listen(0, "127.0.0.1");
    await once(backend, "listening");
    Object.assign(globalThis, {
        renderChats: (chats) => rendered.chats.push([...chats]),
        renderMessages: (messages) => rendered.messages.push([...messages]),
        renderPending: ({ text, status }) => rendered.pending.push(`${text} ${status}`),
        renderReply: (text, state) => rendered.replies.push(`${text} ${state}`),
        renderStatus: (status) => rendered.statuses.push(status),
        search: async () => {
            await rendering("replies", (state) => state === " Searching…");
            return ["One", "Two"];
        },
        model: async function* (question) {
            yield* ["You have asked: ", question];
        },
        tokenOf: tokenFor,
        sessionStorage: { getItem: () => null },
    });
    key = server.createKey("bot:clock");
    process.env.CHAT_BOT_KEY = key.key;
    copyFileSync(new URL("../../../Sources/ChatPages/Resources/client.js", import.meta.url), join(folder, "client.js"));
    const code = [
        ...Array.from(imports, ([name, from]) => `import { ${name} } from ${from};`),
        ...samples.map((sample) => sample.replace(IMPORT, "")),
        "export { answerEverywhere, answerQuestions, answerSlowly, answerWithModelInChat, bot, client, durable };",
        "export { everywhere, id, message, rename, send, showChat, showChats, showReplies };",
    ]
        .join("\n")
        .replaceAll("https://chat.example.com", server.url)
        .replaceAll("https://app.example.com", `http://127.0.0.1:${backend.address().port}`);
    writeFileSync(join(folder, "samples.mjs"), code);
    process.chdir(folder);
    sample = await import(pathToFileURL(join(folder, "samples.mjs")));
});

after(async () => {
    sample?.client.close();
    process.chdir(workingFolder);
    backend.close();
    backend.closeAllConnections();
    await server.remove();
    rmSync(folder, { recursive: true });
});

test("the samples show chats, messages and the status", async () => {
    const end = new AbortController();
    const loops = [sample.showChats(end.signal), sample.showChat(sample.id, end.signal)];
    await rendering("statuses", (status) => status === "live");
    await rendering("chats", ([line]) => line?.chat.title === "Team");
    sample.send(sample.id, "How are you?");
    await rendering("pending", (state) => state === "How are you? sent");
    await rendering("messages", (messages) => messages.some(({ text }) => text === "How are you?"));
    end.abort();
    await Promise.all(loops);
    assert.deepEqual(rendered.messages.at(-1).map(({ text }) => text), ["Hello, all!", "How are you?"]);
});

test("the sample of an error treats a message that someone else has changed", async () => {
    assert.equal(await sample.rename(sample.message, "Hi"), null);
});

test("the samples of replies write messages that grow, and show them", async () => {
    const { client, bot, answerSlowly, answerWithModelInChat, showReplies } = sample;
    const { id } = await client.createChat({ title: "Replies", members: ["clock"] });
    const end = new AbortController();
    const showing = showReplies(client.chat(id), new Map(), end.signal);
    while (client.status !== "live") await once(client, "status");
    const question = await client.chat(id).send("What is new?").result;
    const found = await answerSlowly(bot.chat(id), question);
    assert.deepEqual([found.text, found.metadata, found.reply_to], ["One\nTwo\n", { results: 2 }, question.id]);
    const answering = answerWithModelInChat(bot.chat(id));
    while (bot.status !== "live") await once(bot, "status");
    assert.equal((await answerTo(await client.chat(id).send("Why?").result)).text, "You have asked: Why?");
    await client.chat(id).removeMember("clock");
    await answering;
    end.abort();
    await showing;
});

/** Resolves when the chat contains the answer to a question. */
async function answerTo(question) {
    for await (const { message } of sample.client.chat(question.chat_id).events({ after: question.seq })) {
        if (message?.reply_to === question.id && message.state !== "open") return message;
    }
}

test("the sample of a bot for all chats answers what was asked before it started, and in new chats", async () => {
    const { client, everywhere } = sample;
    const ask = async (title) => {
        const { id } = await client.createChat({ title, members: ["clock"] });
        return client.chat(id).send("What time is it?").result;
    };
    const early = await ask("Early");
    const answering = sample.answerEverywhere();
    assert.equal((await answerTo(early)).author, "clock");
    assert.equal((await answerTo(await ask("Late"))).author, "clock");
    while (everywhere.pending.length > 0) await once(everywhere, "outbox");
    everywhere.close();
    await answering;
});

test("the sample of a bot answers questions, and says when it may not, why it is offline, and when its chat is gone", async () => {
    const { bot, client, id } = sample;
    const setRole = (user, role) =>
        fetch(`${server.url}/chats/${id}/members/${user}`, {
            method: "PUT",
            headers: { Authorization: `Bearer ${server.key}`, "Content-Type": "application/json" },
            body: JSON.stringify({ role }),
        });
    await client.chat(id).addMembers(["clock"]);
    const answering = sample.answerQuestions(id);
    while (bot.status !== "live") await once(bot, "status");
    const question = await client.chat(id).send("What time is it?").result;
    assert.equal((await answerTo(question)).author, "clock");
    // The answer may be on the stream before the bot has its response.
    while (bot.chat(id).pending.length > 0) await once(bot, "outbox");

    const log = mock.method(console, "error", () => {});
    const lines = () => log.mock.calls.map((call) => call.arguments[0]);
    await setRole("clock", "reader");
    const unanswered = await client.chat(id).send("What time is it?").result;
    while (lines().length === 0) await once(bot, "outbox");
    assert.deepEqual(lines(), [`Message ${unanswered.id} gets no answer: You may not do this`]);
    await setRole("clock", "member");
    assert.equal((await answerTo(await client.chat(id).send("What time is it?").result)).author, "clock");
    while (bot.chat(id).pending.length > 1) await once(bot, "outbox");

    log.mock.resetCalls();
    server.revokeKey(key.id);
    while (bot.status !== "offline") await once(bot, "status");
    assert.deepEqual(lines(), ["Offline: The server key was revoked. (401 key_revoked)"]);
    process.env.CHAT_BOT_KEY = server.createKey("bot:clock").key;
    while (bot.status !== "live") await once(bot, "status");
    await client.chat(id).removeMember("clock");
    await answering;
    // The end of its last stream may also count as offline.
    assert.ok(lines().includes(`Chat ${id} was deleted, or the bot is not a member.`), lines().join());
    log.mock.restore();
    bot.close();
});

test("each sample imports what it uses", () => {
    for (const sample of samples) {
        const imported = importsOf(sample).map(([name]) => name);
        const used = [...imports.keys()].filter((name) => new RegExp(`\\b${name}\\b`).test(sample.replace(IMPORT, "")));
        assert.deepEqual(used.sort(), imported.sort());
    }
});
