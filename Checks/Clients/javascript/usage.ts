// Compiled, not run: the types let an application write this, and reject what is marked as an error.

import { ChatClient, ChatError, grow, type ChatStore, type Message } from "../../../Sources/ChatPages/Resources/client.js";

class TabStore implements ChatStore {
    get(name: string) {
        return sessionStorage.getItem(name);
    }

    set(name: string, value: string | null) {
        if (value === null) sessionStorage.removeItem(name);
        else sessionStorage.setItem(name, value);
    }
}

const client = new ChatClient({ url: "https://chat.example.com", token: async () => "…", store: new TabStore() });

client.addEventListener("status", ({ detail }) => {
    const label: string = detail.error ? `${detail.status}: ${detail.error.code}` : detail.status;
    // @ts-expect-error: there is no such status
    if (detail.status === "sleeping") console.log(label);
});

client.addEventListener("outbox", ({ detail: pending }) => {
    if (pending.status === "failed") client.chat(pending.chatID).retry(pending);
    // @ts-expect-error: only the client changes it
    pending.status = "sent";
});

export async function show(signal: AbortSignal): Promise<Message[]> {
    const messages: Message[] = [];
    for await (const event of client.chat(7).events({ after: 0, signal })) {
        switch (event.type) {
            case "message.created":
                if (event.message.deleted_at === undefined) messages.push(event.message);
                break;
            case "member.joined":
                console.log(event.users.join(), event.role);
                break;
            case "typing":
                console.log(event.author ?? "someone", event.metadata?.mood);
                // @ts-expect-error: it is no log entry
                console.log(event.seq);
                break;
            case "reset":
                messages.length = 0;
                break;
        }
    }
    return messages;
}

export async function send(text: string): Promise<number | null> {
    try {
        const { seq } = await client.chat(7).send(text, { replyTo: 5, metadata: { mood: "happy" } }).result;
        return seq;
    } catch (error) {
        if (error instanceof ChatError && error.code === "validation_failed") return null;
        throw error;
    }
}

export async function unreadTitles(): Promise<string[]> {
    const titles: string[] = [];
    for await (const line of client.inbox()) {
        if (line.type === "caught_up") break;
        if (line.type === "chat" && line.unread > 0) titles.push(line.chat.title);
    }
    return titles;
}

export async function requests(): Promise<void> {
    const { chats, next_cursor } = await client.chats({ q: "team", limit: 10 });
    const chat = client.chat(chats[0]?.id ?? (await client.createChat({ title: "Team", members: ["ben"] })).id);
    const { messages } = await chat.get({ limit: 50 });
    await chat.edit(messages[0], { text: "…", metadata: null }, { revision: messages[0].revision });
    await chat.read(messages[0].seq, { back: true });
    const name: string | undefined = (await client.me()).user?.name;
    // @ts-expect-error: there is no such role
    await chat.addMembers(["eve"], "king");
    console.log(next_cursor, name, client.pending.map(({ text }) => text));
    client.close();
}

export async function stream(source: AsyncIterable<string>): Promise<string> {
    const reply = client.chat(7).reply({ replyTo: 5, ttl: 30, key: "answer-5" });
    reply.write("", { status: "Searching" });
    reply.signal.addEventListener("abort", () => console.log(reply.signal.reason.code));
    for await (const piece of source) reply.write(piece);
    // @ts-expect-error: a message that is done needs no reason
    await reply.done({ reason: "finished" });
    const message = await reply.done({ metadata: null });
    // @ts-expect-error: only a message that has ended has a reason
    console.log(message.reason);
    return message.state === "failed" ? (message.reason ?? "") : `${await reply.id}: ${message.text}`;
}

export async function watch(message: Message): Promise<void> {
    for await (const event of client.chat(7).events()) {
        if (event.type === "message.appended") message = grow(message, event);
        if (event.type === "message.cancel_requested") console.log(event.message_id);
        if (message.state === "open") console.log(message.length, message.status);
        if (message.text.length > 1000) await client.chat(7).cancel(message);
    }
}
