// Messages whose text grows: what readers make of the pieces, and how a reply is written.

import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { ChatClient, ChatFeed, grow, parsePosition } from "../../../Sources/ChatPages/Resources/client.js";
import { forgetful, Server, tokenFor } from "./server.mjs";

const EPOCH = "7f3c9a01";
const open = (text) => ({ id: 9, state: "open", text, length: [...text].length });
const piece = (at, text, more) => ({ type: "message.appended", chat_id: 7, message_id: 9, at, text, ...more });

describe("growing a message", () => {
    test("a piece replaces what the text has from its offset on", () => {
        assert.equal(grow(open("Hello"), piece(5, ", all")).text, "Hello, all");
        assert.equal(grow(open("Hello"), piece(2, "y")).text, "Hey");
        assert.equal(grow(open("Hello"), piece(0, "Bye")).text, "Bye");
    });

    test("a piece that is applied twice changes nothing", () => {
        const once = grow(open("Hello"), piece(5, "!"));
        assert.deepEqual(grow(once, piece(5, "!")), once);
    });

    test("offsets and lengths count Unicode scalars", () => {
        const message = grow(open("😀é👩‍👩"), piece(2, "😀"));
        assert.deepEqual([message.text, message.length], ["😀é😀", 3]);
    });

    test("a piece has the status of the writer, and one without clears it", () => {
        const searching = grow(open(""), piece(0, "", { status: "Searching" }));
        assert.equal(searching.status, "Searching");
        assert.equal(grow(searching, piece(0, "Found")).status, undefined);
    });

    test("pieces of other messages, of complete ones, and beyond the end are ignored", () => {
        const [message, done] = [open("Hello"), { id: 9, state: "done", text: "Hello" }];
        assert.equal(grow(message, { ...piece(0, "Bye"), message_id: 8 }), message);
        assert.equal(grow(done, piece(0, "Bye")), done);
        assert.equal(grow(message, piece(6, "!")), message);
    });
});

describe("a chat's feed of growing messages", () => {
    const entry = (seq, message) => ({ seq, type: "message.created", chat_id: 7, message });

    function feedOf(entries = []) {
        const feed = new ChatFeed(7, parsePosition(`${EPOCH}.0`), async (seq) => {
            return { entries: entries.slice(seq, seq + 100), last_seq: entries.length, epoch: EPOCH };
        });
        feed.start(EPOCH, 0);
        return feed;
    }

    test("a consumer that is behind gets the pieces of a message as one", async () => {
        const feed = feedOf();
        feed.push(piece(0, "Hey"));
        feed.push({ ...piece(0, "Bye"), message_id: 8 });
        feed.push(piece(2, "llo", { status: "Thinking" }));
        feed.push(piece(5, "!"));
        assert.deepEqual([await feed.next(), await feed.next()], [piece(0, "Hello!"), { ...piece(0, "Bye"), message_id: 8 }]);
        feed.push(piece(6, "!"));
        assert.deepEqual(await feed.next(), piece(6, "!"));
    });

    test("a snapshot replaces the pieces before it", async () => {
        const feed = feedOf();
        feed.push(piece(5, "!"));
        feed.push(piece(0, "Hello!"));
        assert.deepEqual(await feed.next(), piece(0, "Hello!"));
    });

    test("the pieces of a message are dropped when its entry comes", async () => {
        const feed = feedOf();
        feed.push(piece(0, "Hello"));
        feed.push(entry(1, { id: 9, state: "done", text: "Hello!" }));
        assert.equal((await feed.next()).seq, 1);
    });

    test("no piece is missing after a consumer was far behind", async () => {
        const entries = Array.from({ length: 1100 }, (_, index) => entry(index + 1, { id: index + 1000 }));
        const feed = feedOf(entries);
        entries.forEach((entry) => feed.push(entry));
        feed.push(piece(0, "Hello"));
        feed.push(piece(5, "!"));
        for (let seq = 1; seq <= 1100; seq++) assert.equal((await feed.next()).seq, seq);
        assert.deepEqual(await feed.next(), piece(0, "Hello!"));
    });
});

describe("replies", () => {
    const server = new Server();
    const clients = [];

    function clientOf(user, options = {}) {
        const client = new ChatClient({
            url: server.url, token: () => tokenFor(user), minDelay: 0.01, maxDelay: 0.1, ...options,
        });
        clients.push(client);
        return client;
    }

    /** A bot's chat, with a reader among its members. */
    async function chatOf(options) {
        const bot = clientOf("bot", options);
        const { id } = await bot.createChat({ title: "Replies", members: ["ada"] });
        return { chat: bot.chat(id), reader: clientOf("ada").chat(id), bot };
    }

    /** What a reader saw of the first message until it ended, from its start: each state in which it was. */
    async function states(chat) {
        const states = [];
        for await (const event of chat.events({ after: 0 })) {
            if (event.type === "message.appended" && states.length > 0) states.push(grow(states.at(-1), event));
            if (event.message) states.push(event.message);
            if (event.message && event.message.state !== "open") return states;
        }
    }

    /** Resolves when the text of the message, as the server shows it, is this one. */
    async function reads(chat, id, text) {
        for (;;) {
            const { messages } = await chat.messages();
            if (messages.find((message) => message.id === id)?.text === text) return;
            await pause(20);
        }
    }

    /** Resolves when the signal is aborted. */
    async function aborted(signal) {
        if (!signal.aborted) await once(signal, "abort");
    }

    before(() => server.start());
    after(async () => {
        clients.forEach((client) => client.close());
        await server.remove();
    });

    test("a reader sees a reply grow, with what its writer does, and then its end", async () => {
        const { chat, reader } = await chatOf();
        const seen = states(reader);
        const reply = chat.reply({ replyTo: undefined, metadata: { model: "parrot" } });
        const id = await reply.id;
        reply.write("", { status: "Searching" });
        await pause(100);
        reply.write("Found ");
        await reads(reader, id, "Found ");
        reply.write("it.");
        const message = await reply.done();
        assert.deepEqual([message.id, message.state, message.text], [id, "done", "Found it."]);
        assert.equal(message.metadata.model, "parrot");
        const all = await seen;
        assert.deepEqual(all.at(-1).text, "Found it.");
        assert.deepEqual(all.map(({ text }) => text).filter((text, index, list) => text !== list[index - 1]).slice(0, 2), ["", "Found "]);
        assert.ok(all.some(({ status }) => status === "Searching"));
        assert.equal(all.find(({ text }) => text === "Found ").status, undefined);
        assert.deepEqual([reply.closed, reply.signal.aborted], [true, false]);
        reply.write("ignored");
    });

    test("characters that are written in halves arrive whole, and those that never are become U+FFFD", async () => {
        const { chat, reader } = await chatOf();
        const reply = chat.reply();
        for (const unit of ["\ud83d", "\ude00", "\ud83d", "a", "\ude00", "😀\ud83d"]) {
            reply.write(unit);
            await pause(30);
        }
        await reads(reader, await reply.id, "😀\ufffda\ufffd😀");
        assert.equal((await reply.done()).text, "😀\ufffda\ufffd😀");
    });

    test("what is written while a request is under way is sent as one piece", async () => {
        const bodies = [];
        const slowly = async (url, options) => {
            if (String(url).includes("/text?")) bodies.push(JSON.parse(options.body));
            await pause(50);
            return fetch(url, options);
        };
        const { chat, reader } = await chatOf({ fetch: slowly });
        const reply = chat.reply();
        reply.write("a", { status: "Spelling" });
        for (const text of ["b", "c"]) reply.write(text);
        await reply.id;
        await pause(10);
        for (const text of ["d", "e"]) reply.write(text);
        reply.write("", { status: "Pausing" });
        await reads(reader, await reply.id, "abcde");
        assert.deepEqual(bodies, [{ text: "abc" }, { text: "de", status: "Pausing" }]);
        await reply.done();
    });

    test("a reply whose responses are lost is whole, and nothing is in it twice", async () => {
        const proxy = await forgetful(server);
        const bot = clientOf("bot", { url: proxy.url });
        const { id } = await bot.createChat({ title: "Lossy" });
        proxy.loseNextResponse();
        const reply = bot.chat(id).reply();
        await reply.id;
        let written = "";
        for (const text of ["one ", "two ", "three"]) {
            proxy.loseNextResponse();
            reply.write(text);
            written += text;
            await reads(clientOf("bot").chat(id), await reply.id, written);
        }
        proxy.loseNextResponse();
        assert.equal((await reply.done()).text, "one two three");
        proxy.close();
        const { entries } = await clientOf("bot").chat(id).log();
        assert.deepEqual(entries.filter(({ message }) => message).map(({ type }) => type), ["message.created", "message.updated"]);
    });

    test("a reply continues after the server was killed, with what the server had not stored", async () => {
        const { chat, reader, bot } = await chatOf();
        const seen = states(reader);
        const reply = chat.reply();
        const id = await reply.id;
        reply.write("It was not stored 😀, ");
        await reads(reader, id, "It was not stored 😀, ");
        await server.kill();
        reply.write("but it was kept");
        await server.start();
        await reads(reader, id, "It was not stored 😀, but it was kept");
        await server.kill();
        reply.write(".");
        const done = reply.done();
        await server.start();
        assert.equal((await done).text, "It was not stored 😀, but it was kept.");
        const all = await seen;
        assert.equal(all.at(-1).text, "It was not stored 😀, but it was kept.");
        bot.close();
    });

    test("the end of a reply contains what the server had acknowledged and lost", async () => {
        const { chat, reader } = await chatOf();
        const reply = chat.reply();
        const id = await reply.id;
        reply.write("acknowledged");
        await reads(reader, id, "acknowledged");
        await server.kill();
        await server.start();
        assert.equal((await reply.done()).text, "acknowledged");
    });

    test("a writer that finds the text of another continues after it, and the end contains its own", async () => {
        const { chat, reader } = await chatOf();
        const first = chat.reply({ key: "answer-1" });
        first.write("The first");
        const id = await first.id;
        await reads(reader, id, "The first");
        const receipts = [];
        const noting = async (url, options) => {
            const response = await fetch(url, options);
            if (String(url).includes("/text?") && response.ok) receipts.push(await response.clone().json());
            return response;
        };
        const second = clientOf("bot", { fetch: noting }).chat(chat.id).reply({ key: "answer-1" });
        assert.equal(await second.id, id);
        second.write("The ");
        while (receipts.length === 0) await pause(20);
        second.write("second text");
        await reads(reader, id, "The firstd text");
        // Not even what is stored counts as its own.
        while (receipts.at(-1).stored < 15) {
            second.write("", { status: "Writing" });
            await pause(100);
        }
        assert.equal((await second.done()).text, "The second text");
        await assert.rejects(first.fail(), { code: "message_not_open" });
    });

    test("a writer that has nothing to say leaves nothing of what another has written", async () => {
        const { chat, reader } = await chatOf();
        const first = chat.reply({ key: "answer-5" });
        first.write("The first");
        await reads(reader, await first.id, "The first");
        assert.equal((await clientOf("bot").chat(chat.id).reply({ key: "answer-5" }).done()).text, "");
    });

    test("a cancellation reaches a writer with its next piece", async () => {
        const { chat, reader } = await chatOf();
        const reply = chat.reply();
        const id = await reply.id;
        await reader.cancel(id);
        assert.equal(reply.signal.aborted, false);
        reply.write("Stop me");
        await aborted(reply.signal);
        assert.equal(reply.signal.reason.code, "cancel_requested");
        const message = await reply.cancel("by Ada");
        assert.deepEqual([message.state, message.reason, message.text], ["cancelled", "by Ada", "Stop me"]);
    });

    test("a cancellation reaches a writer on its stream, and the server ends what it does not end", async () => {
        const { chat, reader, bot } = await chatOf();
        const seen = states(chat);
        while (bot.status !== "live") await once(bot, "status");
        const reply = chat.reply();
        reply.write("Endless");
        const id = await reply.id;
        await reads(reader, id, "Endless");
        const began = Date.now();
        await reader.cancel({ id });
        await reader.cancel({ id });
        await aborted(reply.signal);
        assert.ok(Date.now() - began < 2_000, "the writer waited for its next piece");
        assert.equal((await seen).at(-1).state, "cancelled");
        assert.equal((await reply.cancel()).text, "Endless");
        await assert.rejects(reply.done(), { code: "message_not_open", status: 409 });
    });

    test("a message that its reader's stream shows as ended stops its writer", async () => {
        const { chat, bot } = await chatOf();
        const seen = states(chat);
        while (bot.status !== "live") await once(bot, "status");
        const reply = chat.reply({ key: "answer-2" });
        const id = await reply.id;
        await fetch(`${server.url}/chats/${chat.id}/messages/${id}`, {
            method: "PATCH",
            headers: { Authorization: `Bearer ${server.key}`, "Content-Type": "application/json" },
            body: JSON.stringify({ state: "failed", reason: "by an operator" }),
        });
        await seen;
        assert.equal(reply.signal.reason.code, "message_not_open");
    });

    test("a writer that writes nothing keeps its message open", async () => {
        const { chat } = await chatOf();
        const reply = chat.reply({ ttl: 5 });
        await reply.id;
        await pause(6_500);
        assert.equal(reply.signal.aborted, false);
        assert.equal((await reply.done({ text: "At last" })).text, "At last");
    });

    test("a text that the server refuses stops the writer, which can then say why it failed", async () => {
        const { chat, reader } = await chatOf();
        const reply = chat.reply();
        reply.write("x".repeat(32_768));
        await reads(reader, await reply.id, "x".repeat(32_768));
        reply.write("!");
        await aborted(reply.signal);
        assert.equal(reply.signal.reason.code, "message_too_long");
        await assert.rejects(reply.done(), { code: "message_too_long" });
        const { state, reason, text } = await reply.fail("too long");
        assert.deepEqual([state, reason, text.length], ["failed", "too long", 32_768]);
    });

    test("a reply that cannot be opened has no id and no end", async () => {
        const reply = clientOf("bot").chat(9_999).reply();
        reply.write("Hello?");
        await assert.rejects(reply.id, { status: 404 });
        assert.equal(reply.signal.reason.status, 404);
        await assert.rejects(reply.done(), { status: 404 });
        await assert.rejects(reply.pipe((async function* () {})()), { status: 404 });
    });

    test("closing the client stops its replies", async () => {
        const { chat, bot } = await chatOf();
        const reply = chat.reply();
        await reply.id;
        bot.close();
        await assert.rejects(reply.done(), { code: "client_closed" });
        assert.equal(reply.signal.reason.code, "client_closed");
    });

    test("a source is written to its end, once, even if the process restarts", async () => {
        const { chat } = await chatOf();
        let taken = 0;
        async function* source() {
            for (const text of ["Once ", "and ", "for all"]) {
                taken += 1;
                yield text;
            }
        }
        const message = await chat.reply({ key: "answer-3" }).pipe(source());
        assert.deepEqual([message.state, message.text, taken], ["done", "Once and for all", 3]);
        const again = await clientOf("bot").chat(chat.id).reply({ key: "answer-3" }).pipe(source());
        assert.deepEqual([again.id, again.text, taken], [message.id, "Once and for all", 3]);
    });

    test("a source is left when somebody cancels, even if it is silent", async () => {
        const { chat, reader, bot } = await chatOf();
        states(chat);
        while (bot.status !== "live") await once(bot, "status");
        const reply = chat.reply({ key: "answer-4" });
        let isLeft = false;
        const silent = {
            [Symbol.asyncIterator]: () => ({
                next: () => new Promise(() => {}),
                return: async () => ((isLeft = true), { done: true, value: undefined }),
            }),
        };
        const piped = reply.pipe(silent);
        await reader.cancel(await reply.id);
        assert.deepEqual([(await piped).state, isLeft], ["cancelled", true]);
        // A process that is started again leaves it as it is.
        assert.equal((await clientOf("bot").chat(chat.id).reply({ key: "answer-4" }).pipe(silent)).state, "cancelled");
    });

    test("a source that throws fails the message, and its error is thrown", async () => {
        const { chat, reader } = await chatOf();
        const seen = states(reader);
        async function* source() {
            yield "So far";
            throw new Error("The model is gone");
        }
        await assert.rejects(chat.reply().pipe(source()), /The model is gone/);
        const { state, text, reason } = (await seen).at(-1);
        assert.deepEqual([state, text, reason], ["failed", "So far", undefined]);
    });

    test("a source that is too long fails the message", async () => {
        const { chat, reader } = await chatOf();
        const seen = states(reader);
        async function* source() {
            for (;;) {
                yield "x".repeat(10_000);
                await pause(10);
            }
        }
        await assert.rejects(chat.reply().pipe(source()), { code: "message_too_long" });
        assert.equal((await seen).at(-1).state, "failed");
    });
});
