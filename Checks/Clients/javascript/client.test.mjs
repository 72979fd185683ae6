import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, mock, test } from "node:test";
import {
    Backoff,
    ChatClient,
    ChatError,
    ChatFeed,
    formatPosition,
    InboxFeed,
    LineReader,
    Outbox,
    parsePosition,
    Pauses,
    PendingMessage,
    TokenSource,
} from "../../../Sources/ChatPages/Resources/client.js";
import { forgetful, Server, tokenFor } from "./server.mjs";

const never = new AbortController().signal;

describe("backoff", () => {
    test("each delay has twice the bound of the one before, up to the maximum", () => {
        const backoff = new Backoff(0.5, 3, () => 1);
        assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.next()), [0.5, 1, 2, 3, 3]);
    });

    test("a delay is random between zero and its bound", () => {
        const random = [0, 0.5, 0.25];
        const backoff = new Backoff(1, 30, () => random.shift());
        assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [0, 1, 1]);
    });

    test("a delay is never shorter than the server asked for", () => {
        const backoff = new Backoff(0.5, 30, () => 1);
        assert.equal(backoff.next(7), 7);
        assert.equal(backoff.next(0.1), 1);
    });

    test("a reset starts again at the first bound", () => {
        const backoff = new Backoff(0.5, 30, () => 1);
        backoff.next();
        backoff.next();
        backoff.reset();
        assert.equal(backoff.next(), 0.5);
    });
});

describe("pauses", () => {
    /** Whether the pause is over after each number of milliseconds. */
    async function over(promise, ...times) {
        let isOver = false;
        promise.then(() => (isOver = true));
        const results = [];
        for (const time of times) {
            mock.timers.tick(time);
            await promise.constructor.resolve();
            results.push(isOver);
        }
        return results;
    }

    before(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
    after(() => mock.timers.reset());

    test("a pause lasts as long as it is told", async () => {
        assert.deepEqual(await over(new Pauses().wait(2, 0, never), 1999, 1), [false, true]);
    });

    test("a pause ends when the network is restored", async () => {
        const pauses = new Pauses();
        const pause = pauses.wait(30, 0, never);
        pauses.hurry();
        assert.deepEqual(await over(pause, 0), [true]);
    });

    test("a restored network does not end a pause before the time for which the server asked", async () => {
        const pauses = new Pauses();
        const pause = pauses.wait(30, 5, never);
        pauses.hurry();
        assert.deepEqual(await over(pause, 4999, 1), [false, true]);
    });

    test("a pause ends when it is canceled", async () => {
        const cancellation = new AbortController();
        const pause = new Pauses().wait(30, 5, cancellation.signal);
        cancellation.abort();
        assert.deepEqual(await over(pause, 0), [true]);
    });
});

describe("lines", () => {
    const bytes = new TextEncoder().encode('{"text":"grün"}\n\n{"seq":2}\n{"se');

    test("an event arrives in pieces, even within a character", () => {
        const lines = new LineReader();
        assert.deepEqual(Array.from(bytes, (byte) => lines.push(Uint8Array.of(byte))).flat(), [
            { text: "grün" },
            { seq: 2 },
        ]);
    });

    test("several events arrive at once, and a heartbeat is none", () => {
        assert.deepEqual(new LineReader().push(bytes), [{ text: "grün" }, { seq: 2 }]);
    });

    test("a line that is not JSON is an error", () => {
        assert.throws(() => new LineReader().push(new TextEncoder().encode("<html>\n")), SyntaxError);
    });
});

describe("tokens", () => {
    const expiring = (seconds) => `e30.${Buffer.from(JSON.stringify({ exp: seconds })).toString("base64url")}.`;

    test("calls at the same time share one question", async () => {
        let calls = 0;
        const tokens = new TokenSource(async () => `token ${++calls}`);
        assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["token 1", "token 1"]);
        assert.equal(await tokens.get(), "token 1");
    });

    test("a token is replaced a minute before it expires", async () => {
        let now = 0;
        const answers = [expiring(100), expiring(200)];
        const tokens = new TokenSource(() => answers.shift(), () => now);
        assert.equal(await tokens.get(), expiring(100));
        now = 39_999;
        assert.equal(await tokens.get(), expiring(100));
        now = 40_000;
        assert.equal(await tokens.get(), expiring(200));
    });

    test("a rejected token is replaced once, however many requests it failed", async () => {
        let calls = 0;
        const tokens = new TokenSource(() => `token ${++calls}`);
        const token = await tokens.get();
        tokens.reject(token);
        assert.equal(await tokens.get(), "token 2");
        tokens.reject(token);
        assert.equal(await tokens.get(), "token 2");
    });

    test("a question that failed is asked again", async () => {
        const answers = [() => { throw new Error("offline"); }, () => "token"];
        const tokens = new TokenSource(() => answers.shift()());
        await assert.rejects(tokens.get(), /offline/);
        assert.equal(await tokens.get(), "token");
    });

    test("no token is an answer, too", async () => {
        let calls = 0;
        const tokens = new TokenSource(() => (calls++, null));
        assert.equal(await tokens.get(), null);
        await tokens.get();
        assert.equal(calls, 1);
    });
});

describe("positions", () => {
    test("a position is a number, perhaps with an epoch", () => {
        assert.deepEqual(parsePosition(17), { epoch: null, seq: 17 });
        assert.deepEqual(parsePosition("7f3c9a01.17"), { epoch: "7f3c9a01", seq: 17 });
        assert.equal(formatPosition(parsePosition("7f3c9a01.17")), "7f3c9a01.17");
        assert.equal(formatPosition(parsePosition("17")), "17");
        assert.throws(() => parsePosition("-1"), TypeError);
    });
});

describe("a chat's feed", () => {
    const entry = (seq) => ({ seq, type: "message.created", chat_id: 7 });
    const typing = { type: "typing", chat_id: 7 };
    const EPOCH = "7f3c9a01";

    /** A feed of a chat whose log has some entries, after a position. The reads of the log are noted in `reads`. */
    function feedOf({ log = 0, position = `${EPOCH}.0`, epoch = EPOCH } = {}) {
        const reads = [];
        const feed = new ChatFeed(7, position === null ? null : parsePosition(position), async (seq) => {
            reads.push(seq);
            if (log === null) throw new ChatError("chat_not_found", "Chat not found", { status: 404 });
            const entries = Array.from({ length: log }, (_, index) => entry(index + 1)).slice(seq, seq + 100);
            return { entries, last_seq: log, epoch };
        });
        if (position !== null) feed.start(EPOCH, log ?? 0);
        return { feed, reads };
    }

    /** The next events: the `seq` of an entry, the `type` of others. */
    async function take(feed, count) {
        const events = [];
        while (events.length < count) {
            const event = await feed.next();
            if (event !== undefined) events.push(event?.seq ?? event?.type ?? null);
        }
        return events;
    }

    test("entries that arrive twice are taken once", async () => {
        const { feed, reads } = feedOf();
        for (const seq of [1, 2, 3, 1, 2]) feed.push(entry(seq));
        feed.push(typing);
        assert.equal(feed.arrived.seq, 3);
        assert.deepEqual(await take(feed, 4), [1, 2, 3, "typing"]);
        assert.deepEqual(reads, []);
    });

    test("a gap is filled from the log", async () => {
        const { feed, reads } = feedOf({ log: 230 });
        feed.push(entry(1));
        feed.push(entry(230));
        feed.push(typing);
        assert.deepEqual(await take(feed, 231), [...Array(230).keys()].map((index) => index + 1).concat("typing"));
        assert.deepEqual(reads, [1, 101, 201]);
    });

    test("entries that arrive in the wrong order are taken in order", async () => {
        const { feed } = feedOf({ log: 4 });
        for (const seq of [1, 3, 2, 4]) feed.push(entry(seq));
        assert.deepEqual(await take(feed, 4), [1, 2, 3, 4]);
    });

    test("a consumer that is far behind continues from the log", async () => {
        const { feed, reads } = feedOf({ log: 1100 });
        for (let seq = 1; seq <= 1100; seq++) feed.push(entry(seq));
        assert.equal(feed.arrived.seq, 1100);
        assert.deepEqual(await take(feed, 1100), [...Array(1100).keys()].map((index) => index + 1));
        assert.deepEqual(reads, [1000]);
    });

    test("a chat without a position starts at the end of its log", async () => {
        const { feed } = feedOf({ log: 17, position: null });
        assert.equal(feed.arrived, null);
        feed.start(EPOCH, 17);
        assert.equal(await feed.next(), undefined);
        assert.equal(feed.bookmark, `${EPOCH}.17`);
        feed.push(entry(18));
        assert.deepEqual(await take(feed, 1), [18]);
    });

    test("the bookmark is what the consumer has taken, not what has arrived", async () => {
        const { feed } = feedOf();
        for (const seq of [1, 2, 3]) feed.push(entry(seq));
        await take(feed, 2);
        assert.equal(feed.bookmark, `${EPOCH}.2`);
        assert.deepEqual(feed.arrived, { epoch: EPOCH, seq: 3 });
    });

    test("after a reset, the log is taken from its start, and what was queued never", async () => {
        const { feed } = feedOf({ position: `${EPOCH}.5` });
        feed.push(entry(6));
        feed.reset("00000001");
        assert.equal(feed.bookmark, `${EPOCH}.5`);
        feed.push(entry(1));
        assert.deepEqual(await take(feed, 1), ["reset"]);
        assert.equal(feed.bookmark, "00000001.0");
        assert.deepEqual(await take(feed, 1), [1]);
    });

    test("a log of another epoch resets the feed", async () => {
        const { feed } = feedOf({ log: 9, position: `${EPOCH}.3`, epoch: "00000001" });
        feed.push(entry(5));
        assert.deepEqual(await take(feed, 1), ["reset"]);
        assert.equal(feed.bookmark, "00000001.0");
    });

    test("a deleted chat ends the feed, even if entries before it are missing", async () => {
        const { feed } = feedOf({ log: null });
        feed.push(entry(3));
        feed.push({ type: "chat.deleted", chat_id: 7 });
        assert.deepEqual(await take(feed, 2), ["chat.deleted", null]);
    });

    test("a feed says that it has caught up once, and again after an interruption", async () => {
        const { feed } = feedOf();
        feed.caughtUp();
        feed.caughtUp();
        feed.push(typing);
        feed.interrupted();
        feed.caughtUp();
        assert.deepEqual(await take(feed, 3), ["caught_up", "typing", "caught_up"]);
    });

    test("a failure comes after the events before it", async () => {
        const { feed } = feedOf();
        feed.push(entry(1));
        feed.fail(new ChatError("forbidden", "You may not do this", { status: 403 }));
        assert.deepEqual(await take(feed, 1), [1]);
        await assert.rejects(feed.next(), ChatError);
    });

    test("a feed that is closed ends a wait", async () => {
        const { feed } = feedOf();
        const next = feed.next();
        feed.close();
        assert.equal(await next, null);
    });
});

describe("the inbox's feed", () => {
    const line = (chat, seq) => ({ type: "chat", chat_id: chat, last_seq: seq });

    test("a line replaces an older one that was not taken", async () => {
        const feed = new InboxFeed(null);
        for (const [chat, seq] of [[7, 1], [8, 1], [7, 2]]) feed.push(line(chat, seq));
        assert.deepEqual([await feed.next(), await feed.next()], [line(7, 2), line(8, 1)]);
    });

    test("a cursor counts once the lines before it were taken", async () => {
        const feed = new InboxFeed("e.1");
        feed.push(line(7, 1));
        feed.push({ type: "cursor", cursor: "e.2" });
        feed.push(line(8, 1));
        feed.push({ type: "cursor", cursor: "e.3" });
        assert.equal(feed.arrived, "e.3");
        await feed.next();
        await feed.next();
        assert.equal(feed.bookmark, "e.1");
        assert.equal(await feed.next(), undefined);
        assert.equal(feed.bookmark, "e.3");
    });

    test("a reset drops the lines and the cursor", async () => {
        const feed = new InboxFeed("e.1");
        feed.push(line(7, 1));
        feed.reset("00000001");
        assert.deepEqual(await feed.next(), { type: "reset", epoch: "00000001" });
        assert.deepEqual([feed.arrived, feed.bookmark], [null, null]);
    });
});

describe("the outbox", () => {
    const rejection = (code) => new ChatError(code, "No", { status: 422 });
    const texts = (messages) => messages.map(({ text }) => text);

    function outboxOf(...drafts) {
        const outbox = new Outbox();
        const messages = drafts.map(([chat, text]) => new PendingMessage(chat, text));
        messages.forEach((message) => outbox.add(message));
        return { outbox, messages };
    }

    test("each chat has its own order", () => {
        const { outbox, messages } = outboxOf([7, "a"], [8, "b"], [7, "c"]);
        assert.deepEqual(texts(outbox.of(7)), ["a", "c"]);
        outbox.remove(messages[0]);
        assert.equal(outbox.next(7), messages[2]);
        assert.equal(outbox.next(8), messages[1]);
    });

    test("a failed message does not hold up the next one", () => {
        const { outbox, messages } = outboxOf([7, "a"], [7, "b"]);
        messages[0].fail(rejection("validation_failed"));
        assert.equal(outbox.next(7), messages[1]);
        assert.deepEqual(texts(outbox.of(7)), ["a", "b"]);
    });

    test("a retried message is sent after the others", () => {
        const { outbox, messages } = outboxOf([7, "a"], [7, "b"]);
        messages[0].fail(rejection("forbidden"));
        outbox.retry(messages[0]);
        assert.equal(outbox.next(7), messages[1]);
        assert.deepEqual(texts(outbox.of(7)), ["b", "a"]);
    });

    test("a retried message keeps its key, unless another message has it", () => {
        const { outbox, messages } = outboxOf([7, "a"]);
        const [message] = messages;
        const { key } = message;
        message.fail(rejection("forbidden"));
        outbox.retry(message);
        assert.deepEqual([message.status, message.key, message.error], ["pending", key, null]);
        message.fail(rejection("idempotency_key_reused"));
        outbox.retry(message);
        assert.notEqual(message.key, key);
    });

    test("what was unsent comes first after a restart, under the same keys", () => {
        const { outbox, messages } = outboxOf([7, "a"], [7, "b"]);
        messages[0].fail(rejection("forbidden"));
        const restarted = outboxOf([7, "c"]).outbox;
        restarted.restore(outbox.serialized);
        assert.deepEqual(texts(restarted.of(7)), ["a", "b", "c"]);
        const [failed, pending] = restarted.of(7);
        assert.deepEqual([failed.status, failed.error.code, failed.key], ["failed", "forbidden", messages[0].key]);
        assert.deepEqual([pending.status, pending.key], ["pending", messages[1].key]);
    });

    test("what is sent again before a restart has read its store is sent once, and never in place of another", () => {
        const stored = new Outbox();
        stored.add(new PendingMessage(7, "a", { key: "k1", metadata: { mood: "happy", place: [1, 2] } }));
        stored.add(new PendingMessage(7, "b", { key: "k2" }));
        const restarted = new Outbox();
        const same = new PendingMessage(7, "a", { key: "k1", metadata: { place: [1, 2], mood: "happy" } });
        const other = new PendingMessage(7, "c", { key: "k2" });
        for (const draft of [same, other]) restarted.add(draft);
        assert.deepEqual(restarted.restore(stored.serialized), [other]);
        assert.deepEqual(texts(restarted.of(7)), ["b", "a"]);
        assert.ok(restarted.has(same));
    });

    test("an empty outbox needs no place in the store", () => {
        assert.equal(new Outbox().serialized, null);
    });
});

/** A store that a client shares with the one that is started after it. */
class TestStore {
    values = new Map();

    async get(name) {
        return this.values.get(name) ?? null;
    }

    async set(name, value) {
        this.values.set(name, value);
    }
}

/** Resolves when the client has the status, with the details of the event if there was one. */
async function reaching(client, status) {
    let detail;
    while (client.status !== status) [{ detail }] = await once(client, "status");
    return detail;
}

/** The entries up to the message with the text. */
async function until(text, events) {
    const entries = [];
    for await (const event of events) {
        if (event.seq !== undefined) entries.push(event);
        if (event.message?.text === text) return entries;
    }
    return entries;
}

const isPost = (url, options) => options.method === "POST" && String(url).endsWith("/messages/");
const seqs = (entries) => entries.map(({ seq }) => seq);
const texts = (entries) => entries.flatMap(({ message }) => message?.text ?? []);

describe("with a server", () => {
    const server = new Server();
    const clients = [];

    function clientOf(user, options = {}) {
        const token = () => tokenFor(user);
        const client = new ChatClient({ url: server.url, token, minDelay: 0.01, maxDelay: 0.1, ...options });
        clients.push(client);
        return client;
    }

    before(() => server.start());
    after(async () => {
        clients.forEach((client) => client.close());
        await server.remove();
    });

    test("messages arrive in the order in which they were sent", async () => {
        const ada = clientOf("ada");
        const ben = clientOf("ben");
        const { id } = await ada.createChat({ title: "Team", members: ["ben"] });
        const received = until("last", ben.chat(id).events({ after: 0 }));
        for (const text of ["one", "two", "last"]) ada.chat(id).send(text);
        assert.deepEqual(texts(await received), ["one", "two", "last"]);
    });

    test("a rejected message fails, and the next one is sent", async () => {
        const client = clientOf("ada");
        const { id } = await client.createChat({ title: "Team" });
        const chat = client.chat(id);
        const empty = chat.send(" ");
        const message = await chat.send("Hello!").result;
        assert.equal(message.text, "Hello!");
        await assert.rejects(empty.result, { code: "validation_failed", status: 422 });
        assert.deepEqual(chat.pending, [empty]);
        chat.discard(empty);
        assert.deepEqual(chat.pending, []);
    });

    test("the key of a rejected message sends it again, also after a restart", async () => {
        const store = new TestStore();
        const ada = clientOf("ada");
        const { id } = await ada.createChat({ title: "Team" });
        const first = clientOf("clock", { store });
        const rejected = first.chat(id).send("Hello!", { key: "answer-1" });
        await assert.rejects(rejected.result, { code: "chat_not_found" });
        assert.equal(first.chat(id).send("Hello!", { key: "answer-1" }), rejected);
        await assert.rejects(rejected.result, { code: "chat_not_found" });
        await ada.chat(id).addMembers(["clock"]);
        first.close();

        const next = clientOf("clock", { store });
        await once(next, "outbox");
        const pending = next.chat(id).send("Hello!", { key: "answer-1" });
        assert.equal((await pending.result).text, "Hello!");
        assert.deepEqual(next.pending, []);
    });

    test("a key with another content fails, and the message that has it is sent", async () => {
        const store = new TestStore();
        const ada = clientOf("ada");
        const { id } = await ada.createChat({ title: "Team" });
        const offline = clientOf("ada", { store, url: "http://127.0.0.1:1", minDelay: 1e6, maxDelay: 1e6 });
        offline.chat(id).send("one", { key: "answer-1" });
        const other = offline.chat(id).send("two", { key: "answer-1" });
        const reused = { name: "ChatError", code: "idempotency_key_reused", status: 0, isTemporary: false };
        await assert.rejects(other.result, reused);
        assert.deepEqual(texts(offline.pending.map((message) => ({ message }))), ["one"]);
        await once(offline, "outbox");
        offline.close();

        // The store has not been read yet.
        const next = clientOf("ada", { store });
        const early = next.chat(id).send("three", { key: "answer-1" });
        await assert.rejects(early.result, reused);
        await next.chat(id).send("last").result;
        assert.deepEqual(texts((await next.chat(id).log()).entries), ["one", "last"]);
    });

    test("a key that the server has refused stays so until the message gets another one", async () => {
        const client = clientOf("ada");
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        await chat.send("one", { key: "answer-1" }).result;
        const other = chat.send("two", { key: "answer-1" });
        await assert.rejects(other.result, { code: "idempotency_key_reused", status: 422 });
        assert.equal(chat.send("two", { key: "answer-1" }), other);
        assert.equal(other.status, "failed");
        chat.retry(other);
        assert.equal((await other.result).text, "two");
    });

    test("the reason for which the application has no token is in the error", async () => {
        const token = () => Promise.reject(new Error("signed out"));
        const client = clientOf("ada", { token });
        const request = client.chat(1).typing();
        await assert.rejects(request, { code: "token_unavailable", detail: "signed out", isTemporary: true });
    });

    test("a client that restarts continues after what it has handled", async () => {
        const store = new TestStore();
        const first = clientOf("ada", { store });
        const { id } = await first.createChat({ title: "Team" });
        for (const text of ["one", "two", "three"]) await first.chat(id).send(text).result;
        await until("two", first.chat(id).events({ after: 0 }));
        first.close();
        assert.deepEqual(texts(await until("three", clientOf("ada", { store }).chat(id).events())), ["two", "three"]);
    });

    test("a message is sent once the stream contains it, even before the response", async () => {
        const { id } = await clientOf("ada").createChat({ title: "Slow" });
        const ada = clientOf("ada", { fetch: (url, options) => (isPost(url, options) ? slowly(url, options) : fetch(url, options)) });
        const slowly = async (url, options) => {
            await fetch(url, { ...options, signal: undefined });
            return new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)));
        };
        const received = until("once", ada.chat(id).events({ after: 0 }));
        const pending = ada.chat(id).send("once");
        assert.equal((await pending.result).text, "once");
        assert.deepEqual(ada.chat(id).pending, []);
        assert.deepEqual(texts(await received), ["once"]);
    });

    test("another author's message with the same key is not taken for ours", async () => {
        const ada = clientOf("ada");
        const { id } = await ada.createChat({ title: "Two bots", members: ["ben"] });
        let release = () => {};
        const held = new Promise((resolve) => (release = resolve));
        const ben = clientOf("ben", {
            fetch: async (url, options) => {
                if (isPost(url, options)) await held;
                return fetch(url, options);
            },
        });
        const pending = ben.chat(id).send("from Ben", { key: "answer-1" });
        const received = until("from Ada", ben.chat(id).events({ after: 0 }));
        await ada.chat(id).send("from Ada", { key: "answer-1" }).result;
        await received;
        assert.equal(pending.status, "pending");
        release();
        assert.equal((await pending.result).text, "from Ben");
    });

    test("a loop that ends before anything arrives is continued where it started", async () => {
        const { id } = await clientOf("ada").createChat({ title: "Interrupted" });
        const ada = clientOf("ada");
        const ending = new AbortController();
        const first = ada.chat(id).events({ after: 0, signal: ending.signal }).next();
        ending.abort();
        assert.deepEqual(await first, { value: undefined, done: true });
        const { value } = await ada.chat(id).events().next();
        assert.deepEqual([value.seq, value.type], [1, "member.joined"]);
    });

    test("what is unsent when a client ends is sent once by the next", async () => {
        const store = new TestStore();
        const first = clientOf("ada", { store });
        const { id } = await first.createChat({ title: "Team" });
        await server.kill();
        for (const text of ["one", "two"]) first.chat(id).send(text);
        await once(first, "outbox");
        first.close();
        await server.start();
        const second = clientOf("ada", { store });
        await second.chat(id).send("three").result;
        assert.deepEqual(texts(await until("three", second.chat(id).events({ after: 0 }))), ["one", "two", "three"]);
        assert.equal(store.values.get("outbox"), null);
    });

    test("closing a client rejects the results of unsent messages, which the next client sends", async () => {
        const store = new TestStore();
        const online = clientOf("ada", { store });
        const { id } = await online.createChat({ title: "Team" });
        const offline = { store, url: "http://127.0.0.1:1", minDelay: 1e6, maxDelay: 1e6 };
        const first = clientOf("ada", offline);
        const tried = first.chat(id).send("one");
        await once(first, "outbox");
        const queued = first.chat(id).send("two");
        const { result } = queued;
        first.close();
        for (const pending of [tried, queued]) {
            await assert.rejects(pending.result, { name: "ChatError", code: "client_closed", status: 0 });
            assert.equal(pending.status, "pending");
        }
        assert.equal(queued.result, result);
        assert.deepEqual(JSON.parse(store.values.get("outbox")).map(({ text }) => text), ["one", "two"]);
        // A client that is closed before it has read its store leaves everything there, too.
        const second = clientOf("ada", offline);
        second.close();
        await new Promise((resolve) => setImmediate(resolve));
        await assert.rejects(second.pending[0].result, { code: "client_closed" });
        const third = clientOf("ada", { store });
        await third.chat(id).send("three").result;
        assert.deepEqual(texts((await third.chat(id).log()).entries), ["one", "two", "three"]);
    });

    test("a message that is handed to a closed client fails, and the store does not change", async () => {
        const store = new TestStore();
        const client = clientOf("ada", { store });
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const rejected = chat.send(" ");
        await assert.rejects(rejected.result, { code: "validation_failed" });
        client.close();
        const stored = await store.get("outbox");
        const late = chat.send("late");
        await assert.rejects(late.result, { code: "client_closed" });
        chat.retry(rejected);
        assert.deepEqual([late.status, rejected.status], ["failed", "failed"]);
        assert.deepEqual(client.pending, [rejected]);
        assert.equal(await store.get("outbox"), stored);
    });

    test("a message whose response is lost is posted once, even if the client restarts", async () => {
        const store = new TestStore();
        const proxy = await forgetful(server);
        const first = clientOf("ada", { url: proxy.url, store, minDelay: 1e6, maxDelay: 1e6 });
        const { id } = await first.createChat({ title: "Team" });
        proxy.loseNextResponse();
        first.chat(id).send("Once.");
        await until("Once.", clientOf("ada").chat(id).events({ after: 0 }));
        first.close();
        proxy.close();
        const second = clientOf("ada", { store });
        await second.chat(id).send("Twice.").result;
        assert.deepEqual(texts((await second.chat(id).log()).entries), ["Once.", "Twice."]);
    });

    test("a message whose response is lost is posted once", async () => {
        const proxy = await forgetful(server);
        const client = clientOf("ada", { url: proxy.url });
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        proxy.loseNextResponse();
        await chat.send("Once.").result;
        proxy.close();
        assert.deepEqual(texts((await clientOf("ada").chat(chat.id).log()).entries), ["Once."]);
    });

    test("a stream continues after the server was killed", async () => {
        const client = clientOf("ada");
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const received = until("last", chat.events({ after: 0 }));
        await reaching(client, "live");
        await chat.send("one").result;
        await server.kill();
        await reaching(client, "offline");
        chat.send("two");
        await server.start();
        chat.send("last");
        assert.deepEqual(seqs(await received), [1, 2, 3, 4]);
    });

    test("a revoked token is replaced, and the stream continues", async () => {
        let questions = 0;
        const token = () => (questions++, tokenFor("cleo"));
        const client = clientOf("cleo", { token });
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const received = until("last", chat.events({ after: 0 }));
        await reaching(client, "live");
        const [left] = await Promise.all([
            once(client, "status"),
            fetch(`${server.url}/users/cleo/revoke`, {
                method: "POST",
                headers: { Authorization: `Bearer ${server.key}` },
            }),
        ]);
        assert.equal(left[0].detail.status, "connecting");
        await reaching(client, "live");
        await chat.send("last").result;
        assert.deepEqual(seqs(await received), [1, 2]);
        assert.ok(questions > 1);
    });

    test("a client whose key is revoked says at each attempt why it is offline", async () => {
        const { id, key } = server.createKey("bot:clock");
        let questions = 0;
        const client = clientOf("clock", { token: () => (questions++, key) });
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const received = until("never", chat.events({ after: 0 }));
        await reaching(client, "live");
        server.revokeKey(id);
        for (let attempt = 0; attempt < 2; attempt++) {
            await reaching(client, "connecting");
            const { error } = await reaching(client, "offline");
            assert.deepEqual([error.status, error.code], [401, "key_revoked"]);
        }
        assert.ok(questions > 1);
        await assert.rejects(chat.send("Hello!").result, { status: 401, code: "key_revoked" });
        client.close();
        await received;
    });

    test("a client with a wrong key says why it is offline", async () => {
        const client = clientOf("clock", { token: () => server.key.replace("sk_test_", "sk_other_") });
        const received = until("never", client.chat(1).events({ after: 0 }));
        const { error } = await reaching(client, "offline");
        assert.deepEqual([error.status, error.code], [401, "token_invalid"]);
        client.close();
        assert.deepEqual(await received, []);
    });

    test("a server that falls silent is left, and its stream continues when it is back", async () => {
        const client = clientOf("ada");
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const received = until("last", chat.events({ after: 0 }));
        await reaching(client, "live");
        server.freeze();
        await reaching(client, "offline");
        server.thaw();
        await chat.send("last").result;
        assert.deepEqual(seqs(await received), [1, 2]);
    });

    test("a deleted chat ends its loop, and the others continue", async () => {
        const client = clientOf("ada");
        const chats = await Promise.all(["kept", "deleted"].map((title) => client.createChat({ title })));
        const [kept, deleted] = chats.map(({ id }) => client.chat(id));
        await fetch(`${server.url}/chats/${deleted.id}`, {
            method: "DELETE",
            headers: { Authorization: `Bearer ${tokenFor("ada")}` },
        });
        const received = until("last", kept.events({ after: 0 }));
        const types = [];
        for await (const { type } of deleted.events({ after: 0 })) types.push(type);
        assert.deepEqual(types, ["chat.deleted"]);
        await kept.send("last").result;
        assert.deepEqual(texts(await received), ["last"]);
    });

    test("a client that waits to connect is idle as soon as nobody reads", async () => {
        const client = clientOf("ada", { url: "http://127.0.0.1:1", minDelay: 1e6, maxDelay: 1e6 });
        const cancellation = new AbortController();
        const received = until("never", client.chat(1).events({ after: 0, signal: cancellation.signal }));
        await reaching(client, "offline");
        cancellation.abort();
        await reaching(client, "idle");
        assert.deepEqual(await received, []);
    });

    test("a chat can be followed in addition, and left", async () => {
        const client = clientOf("ada");
        const ids = await Promise.all(["one", "two"].map(async (title) => (await client.createChat({ title })).id));
        const [one, two] = ids.map((id) => client.chat(id));
        const received = until("last", one.events({ after: 0 }));
        await reaching(client, "live");
        for await (const event of two.events({ after: 0 })) if (event.type === "caught_up") break;
        await one.send("last").result;
        assert.deepEqual(seqs(await received), [1, 2]);
        await reaching(client, "idle");
        // Then it does nothing until a chat is streamed again.
        const statuses = [];
        client.addEventListener("status", ({ detail }) => statuses.push(detail.status));
        await one.send("again").result;
        assert.deepEqual(statuses, []);
        for await (const event of one.events()) if (event.type === "caught_up") break;
        await reaching(client, "idle");
        assert.deepEqual(statuses, ["connecting", "catching_up", "live", "idle"]);
    });

    test("the inbox shows chats and what is unread, next to the entries of a chat", async () => {
        const ada = clientOf("ada");
        const dora = clientOf("dora");
        const { id } = await ada.createChat({ title: "Team", members: ["dora"] });
        const received = until("Hello!", dora.chat(id).events({ after: 0 }));
        const lines = [];
        for await (const line of dora.inbox()) {
            lines.push(line);
            if (line.type === "caught_up") await ada.chat(id).send("Hello!").result;
            if (line.unread === 1) break;
        }
        assert.deepEqual(lines.map(({ type }) => type), ["chat", "caught_up", "chat"]);
        assert.deepEqual(texts(await received), ["Hello!"]);
        assert.deepEqual(await dora.unread(), { chats: 1 });
        assert.deepEqual(await dora.chat(id).read(lines[2].last_seq), { read_seq: lines[2].last_seq, unread: 0 });
    });

    test("an inbox that the server refuses fails, and a chat continues", async () => {
        const client = clientOf("ada", { token: () => server.key });
        const chat = client.chat((await client.createChat({ title: "Team", members: ["ada"] })).id);
        const received = until("last", chat.events({ after: 0 }));
        const [{ error }] = await Promise.all([
            reaching(client, "offline"),
            assert.rejects(client.inbox().next(), { status: 403 }),
        ]);
        assert.deepEqual([error.status, error.code], [403, "forbidden"]);
        await chat.send("last").result;
        assert.deepEqual(texts(await received), ["last"]);
    });

    test("a signal ends a loop, and close ends all", async () => {
        const client = clientOf("ada");
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const cancellation = new AbortController();
        const typesUntil = async (signal, end) => {
            const types = [];
            for await (const { type } of chat.events({ after: 0, signal })) {
                types.push(type);
                if (type === "caught_up") end();
            }
            return types;
        };
        const types = ["member.joined", "caught_up"];
        assert.deepEqual(await typesUntil(cancellation.signal, () => cancellation.abort()), types);
        assert.deepEqual(await typesUntil(undefined, () => client.close()), types);
    });

    test("requests end with the client, and each says so", async () => {
        const questions = [];
        const token = () => new Promise((resolve) => questions.push(resolve));
        const client = clientOf("ada", { token });
        const request = client.me();
        const closed = { name: "ChatError", code: "client_closed", status: 0, isTemporary: false };
        client.close();
        await assert.rejects(request, closed);
        await assert.rejects(client.me(), closed);
        assert.equal(questions.length, 1);
        const cancellation = new AbortController();
        const canceled = clientOf("ada", { token }).me({ signal: cancellation.signal });
        cancellation.abort();
        await assert.rejects(canceled, { name: "AbortError" });
    });

    test("an error is temporary only if the same may succeed later", () => {
        const temporary = ["network_error", "token_unavailable", "reconnect", "overflow"];
        for (const code of temporary) assert.ok(new ChatError(code, "").isTemporary, code);
        for (const code of ["client_closed", "discarded", "store_failed", "idempotency_key_reused"]) {
            assert.ok(!new ChatError(code, "").isTemporary, code);
        }
        const isTemporary = (status) => new ChatError("", "", { status }).isTemporary;
        assert.deepEqual([401, 403, 408, 422, 429, 500, 503].filter(isTemporary), [408, 429, 500, 503]);
    });

    test("a request that fails says why", async () => {
        const error = await clientOf("ada").chat(999_999).get().catch((failure) => failure);
        assert.ok(error instanceof ChatError);
        assert.deepEqual([error.status, error.code, error.detail], [404, "chat_not_found", "Chat not found"]);
        assert.match(error.requestID, /^\w+$/);
    });

    test("a message can be edited at the revision that one has seen", async () => {
        const client = clientOf("ada");
        const chat = client.chat((await client.createChat({ title: "Team" })).id);
        const message = await chat.send("Hello!", { metadata: { mood: "happy" } }).result;
        const edited = await chat.edit(message, "Hello, all!", { revision: 1 });
        assert.deepEqual([edited.text, edited.metadata, edited.revision], ["Hello, all!", { mood: "happy" }, 2]);
        await assert.rejects(chat.edit(message, { metadata: null }, { revision: 1 }), { code: "revision_mismatch" });
        await chat.delete(message);
        assert.deepEqual((await chat.get()).messages, []);
    });

    test("a server that is open needs no token", async () => {
        const open = await new Server({ open: true }).start();
        const client = new ChatClient({ url: `${open.url}/` });
        try {
            const chat = client.chat((await client.createChat({ title: "Team" })).id);
            const received = until("Hello!", chat.events({ after: 0 }));
            await chat.send("Hello!").result;
            assert.deepEqual(texts(await received), ["Hello!"]);
        } finally {
            client.close();
            await open.remove();
        }
    });
});
