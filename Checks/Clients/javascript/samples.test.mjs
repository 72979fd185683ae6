// Runs the samples in docs/clients.md, in the order in which they appear there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Server, tokenFor } from "./server.mjs";

const page = readFileSync(new URL("../../../docs/clients.md", import.meta.url), "utf8");
const section = page.slice(page.indexOf("## JavaScript")).split(/\n## (?!JavaScript)/)[0];
const samples = Array.from(section.matchAll(/```js\n(.*?)```/gs), ([, code]) => code);

const folder = mkdtempSync(join(tmpdir(), "chat-samples-"));
const workingFolder = process.cwd();
const server = new Server();
// The application's backend, which gives Ada her tokens.
const backend = createServer((_, response) => response.end(tokenFor("ada")));
const rendered = { chats: [], messages: [], pending: [], statuses: [] };
let sample;

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
        renderStatus: (status) => rendered.statuses.push(status),
        tokenOf: tokenFor,
        sessionStorage: { getItem: () => null },
    });
    process.env.CHAT_BOT_KEY = server.key;
    copyFileSync(new URL("../../../Sources/ChatPages/Resources/client.js", import.meta.url), join(folder, "client.js"));
    const code = [...samples, "export { answerQuestions, bot, client, durable, id, message, rename, send, showChat, showChats };"]
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

test("the sample of a bot answers a question", async () => {
    const { bot, client, id } = sample;
    const answering = sample.answerQuestions(id);
    while (bot.status !== "live") await once(bot, "status");
    const question = await client.chat(id).send("What time is it?").result;
    for await (const { message } of client.chat(id).events({ after: question.seq })) {
        if (message?.reply_to === question.id) break;
    }
    // The answer may be on the stream before the bot has its response.
    while (bot.chat(id).pending.length > 0) await once(bot, "outbox");
    bot.close();
    await answering;
});
