// @ts-check

// A transport for `useChat` of the AI SDK (the package `ai`, version 5 or later). What the user says becomes a message of
// a chat, and the bot's reply streams from there, so it survives a reload, and every device shows it.
//
//     const transport = new ChatAPITransport(client);
//     const { messages, sendMessage, stop } = useChat({ id: "7", transport, resume: true });
//
// The bot answers with `chat.reply({ replyTo: message.id })`: docs/clients.md, "Stream a reply".

// In your project, import it from where you have put it.
import { ChatClient, grow } from "../../Sources/ChatPages/Resources/client.js";

/**
 * @typedef {import("../../Sources/ChatPages/Resources/client.js").Chat} Chat
 * @typedef {import("../../Sources/ChatPages/Resources/client.js").Message} Message
 * @typedef {import("../../Sources/ChatPages/Resources/client.js").Tombstone} Tombstone
 * @typedef {import("ai").UIMessage} UIMessage
 * @typedef {import("ai").UIMessageChunk} Chunk
 * @typedef {import("ai").ChatTransport<UIMessage>} Transport
 */

/**
 * The id of `useChat` is the id of the chat.
 * @implements {Transport}
 */
export class ChatAPITransport {
    #client;

    /** @param {ChatClient} client */
    constructor(client) {
        this.#client = client;
    }

    /** @type {Transport["sendMessages"]} */
    async sendMessages({ chatId, messages, trigger, abortSignal }) {
        const chat = this.#client.chat(Number(chatId));
        const { id, parts } = messages[messages.length - 1];
        const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
        // To regenerate a reply is to ask again.
        const key = trigger === "submit-message" ? id : undefined;
        const question = await chat.send(text, { key }).result;
        return streamReply(chat, question.seq, ({ reply_to }) => reply_to === question.id, abortSignal);
    }

    /** @type {Transport["reconnectToStream"]} */
    async reconnectToStream({ chatId }) {
        const chat = this.#client.chat(Number(chatId));
        const { messages } = await chat.messages({ limit: 20 });
        const reply = messages.reverse().find(({ state }) => state === "open");
        return reply ? streamReply(chat, reply.seq - 1, ({ id }) => id === reply.id) : null;
    }
}

/**
 * @param {Chat} chat
 * @param {number} after the position after which the reply is
 * @param {(message: Message) => boolean} isReply
 * @param {AbortSignal} [abortSignal] stops the bot
 * @returns {ReadableStream<Chunk>}
 */
function streamReply(chat, after, isReply, abortSignal) {
    const leaving = new AbortController();
    const chunks = chunksOf(chat, chat.events({ after, signal: leaving.signal }), isReply, abortSignal);
    return new ReadableStream({
        async pull(controller) {
            const { done, value } = await chunks.next();
            if (done) controller.close();
            else controller.enqueue(value);
        },
        cancel: () => leaving.abort(),
    });
}

/**
 * @param {Chat} chat
 * @param {ReturnType<Chat["events"]>} events
 * @param {(message: Message) => boolean} isReply
 * @param {AbortSignal} [abortSignal]
 * @returns {AsyncGenerator<Chunk, void, void>}
 */
async function* chunksOf(chat, events, isReply, abortSignal) {
    /** @type {Message | null} */
    let reply = null;
    let sent = "";
    let part = 1;
    const stop = () => {
        if (reply) chat.cancel(reply).catch(() => {});
    };
    abortSignal?.addEventListener("abort", stop);
    for await (const event of events) {
        if (event.type === "message.appended" && reply) {
            reply = grow(reply, event);
        } else if (event.type === "message.created" || event.type === "message.updated") {
            const { message } = event;
            if (message.deleted_at !== undefined || !isReply(message)) continue;
            const isNew = reply === null;
            reply = message;
            if (isNew) {
                yield { type: "start", messageId: String(reply.id) };
                yield { type: "text-start", id: `${part}` };
                if (abortSignal?.aborted) stop();
            }
        }
        if (!reply) continue;
        const isOpen = reply.state === "open";
        if (!isOpen && !reply.text.startsWith(sent)) {
            // The bot has replaced the text at the end.
            yield { type: "text-end", id: `${part}` };
            part += 1;
            sent = "";
            yield { type: "text-start", id: `${part}` };
        }
        // What the server lost in a crash is written again.
        if (reply.text.length > sent.length && reply.text.startsWith(sent)) {
            yield { type: "text-delta", id: `${part}`, delta: reply.text.slice(sent.length) };
            sent = reply.text;
        }
        if (isOpen) continue;
        yield { type: "text-end", id: `${part}` };
        if (reply.state === "failed") yield { type: "error", errorText: reply.reason ?? "The reply was not finished." };
        else yield reply.state === "cancelled" ? { type: "abort" } : { type: "finish" };
        break;
    }
    abortSignal?.removeEventListener("abort", stop);
}
