import ChatClient
import Foundation

/// The samples of docs/clients.md, so that the compiler checks them.
private enum GuideSamples {
    static func connect(to backend: Backend) {
        let client = ChatClient(
            url: "https://chat.example.com",
            token: { try await backend.chatToken() },
            onStatus: { status in print(status) }
        )
        _ = client
    }

    static func show(_ chat: Int, with client: ChatClient) async throws {
        let page = try await client.messages(of: chat, limit: 50)
        show(page.messages)

        for try await event in client.events(of: chat, after: page.end) {
            switch event {
            case .entry(let entry):
                if let message = entry.message { show([message]) }
            case .reset:
                clear()
            default:
                break
            }
        }
    }

    static func grow(in chat: Int, with client: ChatClient) async throws {
        var messages: [Int: Message] = [:]
        for try await event in client.events(of: chat, after: 0) {
            switch event {
            case .entry(let entry):
                if let message = entry.message { messages[message.id] = message }
            case .messageAppended(let piece):
                messages[piece.messageID]?.grow(by: piece)
            case .reset:
                messages = [:]
            default:
                break
            }
            show(messages.values.sorted { $0.seq < $1.seq })
        }
    }

    static func send(to chat: Int, with client: ChatClient) async throws {
        let pending = await client.send("Hello!", to: chat)
        let message = try await pending.result
        try await client.edit(message.id, in: chat, text: "Hello, all!", revision: message.revision)
    }

    static func search(for question: Message, in chat: Int, with client: ChatClient) async throws {
        let reply = await client.reply(in: chat, replyTo: question.id, key: "answer-\(question.id)")
        reply.write("", status: "Searching…")
        for try await result in search(question.text) {
            if reply.cancelRequested { break }
            reply.write("\(result)\n")
        }
        if reply.cancelRequested { try await reply.cancel() } else { try await reply.done() }
    }

    static func answer(_ question: Message, in chat: Int, with client: ChatClient) async throws {
        let answer = try await client.reply(in: chat, replyTo: question.id, key: "answer-\(question.id)")
            .pipe(model(question.text))
        show([answer])
    }

    static func echo(in chat: Int) async throws {
        let client = ChatClient(
            url: "https://chat.example.com",
            token: { ProcessInfo.processInfo.environment["CHAT_BOT_KEY"] },
            store: try FileStore(path: "bot.json"),
            onStatus: { status in
                if case .offline(let error) = status { report("Offline: \(error)") }
            }
        )
        for try await event in client.events(of: chat) {
            if event == .chatDeleted { report("Chat \(chat) was deleted, or the bot is not a member.") }
            guard case .entry(let entry) = event, case .messageCreated(let message) = entry.change,
                message.author != "echo", message.deletedAt == nil
            else { continue }
            do {
                _ = try await client.send(message.text, to: chat, replyTo: message.id, key: "echo-\(message.id)").result
            } catch {
                report("Message \(message.id) gets no answer: \(error)")
            }
        }
    }

    struct Backend: Sendable {
        func chatToken() async throws -> String { "" }
    }

    static func show(_ messages: [Message]) {}

    static func search(_ text: String) -> AsyncThrowingStream<String, any Error> {
        AsyncThrowingStream { nil }
    }

    static func model(_ text: String) -> AsyncThrowingStream<String, any Error> {
        AsyncThrowingStream { nil }
    }

    static func clear() {}

    static func report(_ text: String) {}
}
