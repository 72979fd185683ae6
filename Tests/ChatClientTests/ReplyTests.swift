import ChatClient
import ChatTestSupport
import Foundation
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ReplyTests {
    private struct SourceError: Error {}

    private func client(_ port: Int) -> ChatClient {
        ChatClient(url: "http://127.0.0.1:\(port)", minDelay: .milliseconds(10), maxDelay: .milliseconds(100))
    }

    /// Runs `body` with two clients of a new, open server, the writer and another one, and with a chat.
    private func withClients(_ body: @Sendable (ChatClient, ChatClient, Int) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { server in
                let (writer, other) = (client(server.port), client(server.port))
                try await body(writer, other, try await writer.createChat(title: "Replies").id)
                await writer.close()
                await other.close()
            }
        }
    }

    /// Returns each state in which a reader saw the first message of a chat, through its end.
    ///
    /// - Parameter onStatus: Called with what the writer is doing, when the reader sees it.
    private func states(
        of chat: Int,
        with client: ChatClient,
        onStatus: @Sendable (String) -> Void = { _ in }
    ) async throws -> [Message] {
        var states: [Message] = []
        for try await event in client.events(of: chat, after: 0) {
            switch event {
            case .entry(let entry):
                if let message = entry.message { states.append(message) }
            case .messageAppended(let piece):
                if var message = states.last {
                    message.grow(by: piece)
                    states.append(message)
                    message.status.map(onStatus)
                }
            default:
                break
            }
            if let state = states.last?.state, state != .open { break }
        }
        return states
    }

    /// Returns once the server shows this text.
    private func waitFor(_ text: String, of reply: Reply, with client: ChatClient) async throws {
        while try await client.text(of: reply.id, in: reply.chatID).text != text { await Task.yield() }
    }

    private func messageEntries(of chat: Int, with client: ChatClient) async throws -> [String] {
        try await client.log(of: chat).entries.filter { $0.message != nil }.map(\.change.type)
    }

    @Test func `a reader sees a reply grow, with what its writer does, and then its end`() async throws {
        try await withClients { writer, reader, chat in
            let (statuses, status) = AsyncStream<String>.makeStream()
            async let seen = states(of: chat, with: reader) { status.yield($0) }
            let reply = await writer.reply(in: chat, metadata: ["model": "parrot"])
            reply.write("", status: "Searching")
            #expect(await statuses.first { _ in true } == "Searching")
            reply.write("Found ")
            try await waitFor("Found ", of: reply, with: reader)
            reply.write("it 😀.")
            let message = try await reply.done()
            #expect(try await message.id == reply.id)
            #expect(message.text == "Found it 😀." && message.state == .done && message.metadata?["model"] == "parrot")
            let all = try await seen
            #expect(all.last == message)
            #expect(all.first?.text == "" && all.first?.state == .open)
            #expect(all.contains { $0.status == "Searching" })
            #expect(reply.isClosed && reply.stopReason == nil && !reply.cancelRequested)
            reply.write("ignored")
            #expect(try await messageEntries(of: chat, with: reader) == ["message.created", "message.updated"])
        }
    }

    @Test func `a reply continues after the server was killed, with what the server had not stored`() async throws {
        try await withTemporaryFolder { folder in
            // The port is set once there is a server.
            try await CuttingProxy.withProxy(to: 1) { proxy in
                let (writer, reader) = (client(proxy.port), client(proxy.port))
                func serve(_ body: (HTTPTestClient) async throws -> Void) async throws {
                    _ = try await ChatAPIProcess.serve(in: folder, endingWith: .kill) { server async throws in
                        proxy.move(to: server.port)
                        try await body(server)
                    }
                }
                var reply: Reply?
                var seen: Task<[Message], any Error>?
                try await serve { _ in
                    let chat = try await writer.createChat(title: "Replies").id
                    seen = Task { try await states(of: chat, with: reader) }
                    let opened = await writer.reply(in: chat)
                    opened.write("It was not stored 😀, ")
                    try await waitFor("It was not stored 😀, ", of: opened, with: reader)
                    reply = opened
                }
                let written = try #require(reply)
                written.write("but it was kept")
                try await serve { _ in
                    try await waitFor("It was not stored 😀, but it was kept", of: written, with: reader)
                }
                written.write(".")
                try await serve { _ in
                    try await waitFor("It was not stored 😀, but it was kept.", of: written, with: reader)
                }
                try await serve { _ in
                    // The server has acknowledged the text, and lost it again.
                    #expect(try await reader.text(of: written.id, in: written.chatID).text == "")
                    #expect(try await written.done().text == "It was not stored 😀, but it was kept.")
                    let last = try await seen?.value.last
                    #expect(last?.text == "It was not stored 😀, but it was kept." && last?.state == .done)
                    let entries = try await messageEntries(of: written.chatID, with: reader)
                    #expect(entries == ["message.created", "message.updated"])
                }
                await writer.close()
                await reader.close()
            }
        }
    }

    @Test func `a reply whose responses are lost is whole, and nothing is in it twice`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { server in
                try await CuttingProxy.withProxy(to: server.port) { proxy in
                    let (writer, reader) = (client(proxy.port), client(server.port))
                    let chat = try await writer.createChat(title: "Replies").id
                    proxy.plan([.cutAfter])
                    let reply = await writer.reply(in: chat)
                    _ = try await reply.id
                    var written = ""
                    for text in ["one ", "two ", "three"] {
                        proxy.plan([.cutAfter, .cutBefore, .cutAfter])
                        reply.write(text)
                        written += text
                        try await waitFor(written, of: reply, with: reader)
                    }
                    proxy.plan([.cutAfter])
                    #expect(try await reply.done().text == "one two three")
                    #expect(try await messageEntries(of: chat, with: reader) == ["message.created", "message.updated"])
                    await writer.close()
                    await reader.close()
                }
            }
        }
    }

    @Test func `a second writer with the same key writes the message again`() async throws {
        try await withClients { writer, other, chat in
            let first = await writer.reply(in: chat, key: "answer-1")
            first.write("The first")
            try await waitFor("The first", of: first, with: other)
            let second = await other.reply(in: chat, key: "answer-1")
            #expect(try await first.id == second.id)
            second.write("The second")
            #expect(try await second.done().text == "The second")
            let error = await #expect(throws: ChatError.self) { try await first.fail() }
            #expect(error?.code == ChatError.messageNotOpen)
        }
    }

    @Test func `a second writer without a text leaves nothing of the first`() async throws {
        try await withClients { writer, other, chat in
            let first = await writer.reply(in: chat, key: "answer-1")
            first.write("The first")
            try await waitFor("The first", of: first, with: other)
            #expect(try await other.reply(in: chat, key: "answer-1").done().text == "")
        }
    }

    @Test func `a cancellation reaches a writer with its next piece`() async throws {
        try await withClients { writer, other, chat in
            let reply = await writer.reply(in: chat)
            try await other.cancel(reply.id, in: chat)
            #expect(!reply.cancelRequested)
            reply.write("Stop me")
            #expect(await reply.stopped()?.code == ChatError.cancelRequested)
            #expect(reply.cancelRequested)
            let message = try await reply.cancel("by Ada")
            #expect(message.state == .cancelled && message.reason == "by Ada" && message.text == "Stop me")
        }
    }

    @Test func `a cancellation reaches a writer on its stream, and the server ends its message`() async throws {
        try await withClients { writer, other, chat in
            let reply = await writer.reply(in: chat)
            reply.write("Endless")
            let id = try await reply.id
            for try await event in writer.events(of: chat, after: 0) {
                if event == .caughtUp { try await other.cancel(id, in: chat) }
                if event == .cancelRequested(messageID: id) { break }
            }
            #expect(reply.cancelRequested)
            #expect(try await states(of: chat, with: other).last?.state == .cancelled)
            #expect(try await reply.cancel().text == "Endless")
            let error = await #expect(throws: ChatError.self) { try await reply.done() }
            #expect(error?.code == ChatError.messageNotOpen && error?.status == 409)
        }
    }

    @Test func `a message that the stream shows as ended or deleted stops its writer`() async throws {
        try await withClients { writer, other, chat in
            let reading = Task { try await states(of: chat, with: writer) }
            let replies = await [writer.reply(in: chat, key: "answer-1"), writer.reply(in: chat)]
            for reply in replies { _ = try await reply.id }
            _ = try await other.reply(in: chat, key: "answer-1").fail("by an operator")
            #expect(await replies[0].stopped()?.code == ChatError.messageNotOpen)
            reading.cancel()
            _ = await reading.result
            try await other.delete(replies[1].id, in: chat)
            for try await event in writer.events(of: chat, after: 0) {
                if case .entry(let entry) = event, case .messageDeleted = entry.change { break }
            }
            #expect(await replies[1].stopped()?.code == ChatError.messageNotOpen)
        }
    }

    @Test func `a writer that writes nothing keeps its message open`() async throws {
        try await withClients { writer, other, chat in
            let reply = await writer.reply(in: chat, ttl: .seconds(5))
            _ = try await reply.id
            try await Task.sleep(for: .seconds(6))
            #expect(reply.stopReason == nil)
            #expect(try await reply.done(text: "At last").text == "At last")
        }
    }

    @Test func `a message whose reply was let go is ended by the server`() async throws {
        try await withClients { writer, other, chat in
            await writer.reply(in: chat, ttl: .seconds(5)).write("So far")
            let last = try await states(of: chat, with: other).last
            #expect(last?.state == .failed && last?.reason == "abandoned" && last?.text == "So far")
        }
    }

    @Test func `a text that the server refuses stops the writer, which can then say why it failed`() async throws {
        try await withClients { writer, other, chat in
            let longest = String(repeating: "x", count: 32_768)
            let reply = await writer.reply(in: chat)
            reply.write(longest)
            try await waitFor(longest, of: reply, with: other)
            reply.write("!")
            #expect(await reply.stopped()?.code == "message_too_long")
            let error = await #expect(throws: ChatError.self) { try await reply.done() }
            #expect(error?.code == "message_too_long")
            let message = try await reply.fail("too long")
            #expect(message.state == .failed && message.reason == "too long" && message.text == longest)
        }
    }

    @Test(arguments: ["a", "😀", "\u{1}"])
    func `the longest text fits`(character: String) async throws {
        try await withClients { writer, other, chat in
            let longest = String(repeating: character, count: 32_768)
            let reply = await writer.reply(in: chat)
            reply.write(longest)
            let message = try await reply.done()
            #expect(message.text == longest)
        }
    }

    @Test func `a reply that cannot be opened has no id and no end`() async throws {
        try await withClients { writer, _, _ in
            let reply = await writer.reply(in: 9_999)
            reply.write("Hello?")
            let error = try await #require(throws: ChatError.self) { try await reply.id }
            #expect(error.code == "chat_not_found")
            await #expect(throws: error) { try await reply.done() }
            #expect(await reply.stopped()?.status == 404)
        }
    }

    @Test func `closing the client stops its replies`() async throws {
        try await withClients { writer, _, chat in
            let reply = await writer.reply(in: chat)
            _ = try await reply.id
            await writer.close()
            #expect(await reply.stopped()?.code == ChatError.closed)
            let error = await #expect(throws: ChatError.self) { try await reply.done() }
            #expect(error?.code == ChatError.closed)
        }
    }

    @Test func `a source is written to its end, once, even if the process restarts`() async throws {
        try await withClients { writer, other, chat in
            let source = AsyncStream<String> { continuation in
                for text in ["Once ", "and ", "for all"] { continuation.yield(text) }
                continuation.finish()
            }
            let message = try await writer.reply(in: chat, key: "answer-1").pipe(source)
            #expect(message.state == .done && message.text == "Once and for all")
            #expect(try await other.reply(in: chat, key: "answer-1").pipe(Silence()) == message)
        }
    }

    @Test func `a source is left when somebody cancels, even if it is silent`() async throws {
        try await withClients { writer, other, chat in
            let reading = Task { try await states(of: chat, with: writer) }
            let reply = await writer.reply(in: chat)
            async let message = reply.pipe(Silence())
            try await other.cancel(reply.id, in: chat)
            #expect(try await message.state == .cancelled)
            _ = try await reading.value
        }
    }

    @Test func `a canceled task cancels its message`() async throws {
        try await withClients { writer, other, chat in
            let reply = await writer.reply(in: chat)
            reply.write("So far")
            let task = Task { try await reply.pipe(Silence()) }
            try await waitFor("So far", of: reply, with: other)
            task.cancel()
            let error = await #expect(throws: ChatError.self) { try await task.value }
            #expect(error?.code == ChatError.canceled)
            let last = try await states(of: chat, with: other).last
            #expect(last?.state == .cancelled && last?.text == "So far")
        }
    }

    @Test func `a source that throws fails the message, and its error is thrown`() async throws {
        try await withClients { writer, other, chat in
            let source = AsyncThrowingStream<String, any Error> { continuation in
                continuation.yield("So far")
                continuation.finish(throwing: SourceError())
            }
            await #expect(throws: SourceError.self) { try await writer.reply(in: chat).pipe(source) }
            let last = try await states(of: chat, with: other).last
            #expect(last?.state == .failed && last?.text == "So far" && last?.reason == nil)
        }
    }

    @Test func `a source that is too long fails the message`() async throws {
        try await withClients { writer, other, chat in
            let source = AsyncThrowingStream<String, any Error>(unfolding: {
                try await Task.sleep(for: .milliseconds(10))
                return String(repeating: "x", count: 10_000)
            })
            let error = await #expect(throws: ChatError.self) { try await writer.reply(in: chat).pipe(source) }
            #expect(error?.code == "message_too_long")
            let last = try await states(of: chat, with: other).last
            #expect(last?.state == .failed)
        }
    }
}

/// A source that yields nothing until its task is canceled.
private struct Silence: AsyncSequence, AsyncIteratorProtocol, Sendable {
    typealias Element = String

    func next() async throws -> String? {
        try await Task.sleep(for: .seconds(3_600))
        return nil
    }

    func makeAsyncIterator() -> Silence {
        self
    }
}
