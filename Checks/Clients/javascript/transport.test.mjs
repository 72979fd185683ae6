// The example of a transport for the AI SDK, with a bot in the same chat.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatAPITransport } from "../../../Examples/AISDK/transport.js";
import { ChatClient } from "../../../Sources/ChatPages/Resources/client.js";
import { Server, tokenFor } from "./server.mjs";

const server = new Server();
let ada;
let bot;

before(async () => {
    await server.start();
    [ada, bot] = ["ada", "bot"].map((user) => new ChatClient({ url: server.url, token: () => tokenFor(user) }));
    await bot.me();
});

after(async () => {
    for (const client of [ada, bot]) client.close();
    await server.remove();
});

/** A chat with the bot, and what `useChat` would pass to the transport. */
async function asking(text) {
    const { id } = await ada.createChat({ title: "Questions", members: ["bot"] });
    const options = {
        chatId: String(id),
        trigger: "submit-message",
        messageId: undefined,
        messages: [{ id: "question", role: "user", parts: [{ type: "step-start" }, { type: "text", text }] }],
    };
    return { chat: bot.chat(id), transport: new ChatAPITransport(ada), options };
}

/** The question, once it is in the chat. */
async function question(chat) {
    for await (const event of chat.events({ after: 0 })) if (event.type === "message.created") return event.message;
}

/** Everything that is left in a stream: its text, and the types of the chunks that are not pieces of it. */
async function drained(stream) {
    let text = "";
    const types = [];
    for await (const chunk of stream) {
        if (chunk.type === "text-delta") text += chunk.delta;
        else types.push(chunk.type);
    }
    return { text, types };
}

test("a question becomes a message, and the reply to it streams until it is done", async () => {
    const { chat, transport, options } = await asking("Why?");
    const stream = transport.sendMessages(options);
    const { id, text } = await question(chat);
    assert.equal(text, "Why?");
    await chat.send("Something else").result;
    const reply = chat.reply({ replyTo: id });
    reply.write("Because");
    const reader = (await stream).getReader();
    const first = [];
    while (first.at(-1)?.type !== "text-delta") first.push((await reader.read()).value);
    assert.deepEqual(first, [
        { type: "start", messageId: String(await reply.id) },
        { type: "text-start", id: "1" },
        { type: "text-delta", id: "1", delta: "Because" },
    ]);
    reader.releaseLock();
    reply.write(" of 😀.");
    await reply.done();
    assert.deepEqual(await drained(await stream), { text: " of 😀.", types: ["text-end", "finish"] });
    assert.equal(await transport.reconnectToStream(options), null);
});

test("a reply that is open can be streamed from its start after a reload", async () => {
    const { chat, transport, options } = await asking("Why?");
    (await transport.sendMessages(options)).cancel();
    const reply = chat.reply({ replyTo: (await question(chat)).id });
    reply.write("Because");
    await reply.id;
    const stream = await transport.reconnectToStream(options);
    reply.write(" of it");
    await reply.done();
    assert.deepEqual(await drained(stream), { text: "Because of it", types: ["start", "text-start", "text-end", "finish"] });
});

test("stopping stops the bot, even before it has begun", async () => {
    for (const isEarly of [true, false]) {
        const { chat, transport, options } = await asking("Why?");
        const stopping = new AbortController();
        const stream = await transport.sendMessages({ ...options, abortSignal: stopping.signal });
        if (isEarly) stopping.abort();
        const reply = chat.reply({ replyTo: (await question(chat)).id });
        const piped = reply.pipe(
            (async function* () {
                for (;;) {
                    yield "on and ";
                    await new Promise((resolve) => setTimeout(resolve, 20));
                }
            })(),
        );
        if (!isEarly) setTimeout(() => stopping.abort(), 100);
        const { text, types } = await drained(stream);
        assert.deepEqual(types, ["start", "text-start", "text-end", "abort"]);
        assert.equal(text, (await piped).text);
    }
});

test("a reply that fails is an error, and a text that is replaced is another part", async () => {
    const { chat, transport, options } = await asking("Why?");
    const stream = await transport.sendMessages(options);
    const reply = chat.reply({ replyTo: (await question(chat)).id });
    reply.write("Hmm");
    await reply.fail("no idea");
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.deepEqual(chunks.at(-1), { type: "error", errorText: "no idea" });

    const again = await transport.sendMessages({ ...options, trigger: "regenerate-message" });
    const [repeated] = (await chat.messages({ limit: 1 })).messages;
    const second = chat.reply({ replyTo: repeated.id });
    second.write("Hmm");
    const reader = again.getReader();
    while ((await reader.read()).value.type !== "text-delta");
    reader.releaseLock();
    await second.done({ text: "Because" });
    assert.deepEqual(await drained(again), { text: "Because", types: ["text-end", "text-start", "text-end", "finish"] });
});

test("a reply that is posted whole streams at once", async () => {
    const { chat, transport, options } = await asking("Why?");
    const stream = await transport.sendMessages(options);
    await chat.send("Because", { replyTo: (await question(chat)).id }).result;
    assert.deepEqual(await drained(stream), { text: "Because", types: ["start", "text-start", "text-end", "finish"] });
});
