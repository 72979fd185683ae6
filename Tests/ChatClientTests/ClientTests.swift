import ChatClient
import ChatDomain
import ChatIdentity
import ChatTestSupport
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ClientTests {
    /// Runs `body` with the address of a new, open server.
    private func withOpenServer(_ body: @Sendable (String) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await ChatTestSupport.withServer(store) { server in try await body("http://127.0.0.1:\(server.port)") }
        }
    }

    /// The same with a server that requires tokens, and with what issues them.
    private func withServer(
        _ body: @Sendable (String, _ token: @escaping @Sendable (UserID) async throws -> String) async throws -> Void
    ) async throws {
        let credentials = try await TestCredentials()
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let authenticator = credentials.authenticator(.required, store)
            try await ChatTestSupport.withServer(store, authenticator: authenticator) { server in
                try await body("http://127.0.0.1:\(server.port)") {
                    try await credentials.token(for: $0, grants: Grants())
                }
            }
        }
    }

    private func client(
        _ url: String,
        token: ChatClient.TokenCallback? = nil,
        store: any ChatClientStore = MemoryStore(),
        onStatus: @escaping @Sendable (ConnectionStatus) -> Void = { _ in }
    ) -> ChatClient {
        ChatClient(
            url: url,
            token: token,
            store: store,
            minDelay: .milliseconds(10),
            maxDelay: .milliseconds(100),
            onStatus: onStatus
        )
    }

    @Test func `requests read and change a chat`() async throws {
        try await withOpenServer { url in
            let client = client(url)
            let chat = try await client.createChat(title: "Team & more", metadata: ["a": 1], key: "chat-1")
            #expect(try await client.createChat(title: "Team & more", metadata: ["a": 1], key: "chat-1") == chat)
            #expect(try await client.chats(matching: "& m").chats.map(\.chat) == [chat])

            let message = try await client.send("Hello!", to: chat.id, metadata: ["mood": "happy"]).result
            #expect(message.metadata == ["mood": "happy"] && message.revision == 1)
            let edited = try await client.edit(message.id, in: chat.id, text: "Hi!", metadata: .null, revision: 1)
            #expect(edited.text == "Hi!" && edited.metadata == nil && edited.editedAt != nil)
            #expect(try await client.latestMessages(of: chat.id).messages == [edited])
            try await client.typing(in: chat.id)
            try await client.delete(message.id, in: chat.id, revision: 2)

            let page = try await client.messages(of: chat.id, .before(2), limit: 1)
            #expect(page.messages.first?.deletedAt != nil && page.end.seq == 3)
            let kinds = try await client.log(of: chat.id, after: 1).entries.map(\.change.type)
            #expect(kinds == ["message.updated", "message.deleted"])
            #expect(try await client.me().user == nil)
            await client.close()
        }
    }

    @Test func `an error has the server's code`() async throws {
        try await withOpenServer { url in
            let client = client(url)
            let error = await #expect(throws: ChatError.self) { try await client.messages(of: 404) }
            #expect(error?.status == 404 && error?.code == "chat_not_found")
            #expect(error?.detail == "Chat not found" && error?.requestID != nil)
            await client.close()
            let closed = await #expect(throws: ChatError.self) { try await client.me() }
            #expect(closed?.code == ChatError.closed)
        }
    }

    @Test func `a stream brings what exists and what happens`() async throws {
        try await withOpenServer { url in
            let statuses = Mutex<[ConnectionStatus]>([])
            let client = client(url, onStatus: { status in statuses.withLock { $0.append(status) } })
            let chat = try await client.createChat(title: "Team").id
            for text in ["one", "two"] { await client.send(text, to: chat) }
            var texts: [String] = []
            for try await event in client.events(of: chat, after: 0) {
                if event == .caughtUp { await client.send("three", to: chat) }
                if case .entry(let entry) = event, let message = entry.message { texts.append(message.text) }
                if texts.count == 3 { break }
            }
            #expect(texts == ["one", "two", "three"])
            #expect(await client.pending(in: chat).isEmpty)
            await client.close()
            #expect(statuses.withLock { $0 } == [.connecting, .catchingUp, .live, .idle])
        }
    }

    @Test func `a loop ends with its task`() async throws {
        try await withOpenServer { url in
            let (statuses, continuation) = AsyncStream.makeStream(of: ConnectionStatus.self)
            let client = client(url, onStatus: { continuation.yield($0) })
            let chat = try await client.createChat(title: "Team").id
            let loops = [
                Task { for try await _ in client.events(of: chat) {} },
                Task { for try await _ in client.inbox() {} },
            ]
            for await status in statuses where status == .live || status == .connecting { break }
            for loop in loops { loop.cancel() }
            for loop in loops { _ = await loop.result }
            #expect(await client.status == .idle)
            await client.close()
        }
    }

    @Test func `the next client continues where the last one stopped`() async throws {
        try await withOpenServer { url in
            let store = MemoryStore()
            let first = client(url, store: store)
            let chat = try await first.createChat(title: "Team").id
            for text in ["one", "two", "three"] { _ = try await first.send(text, to: chat).result }
            for try await event in first.events(of: chat, after: 0) {
                // Its handling is interrupted, so it comes again.
                if event.seq == 2 { break }
            }
            await first.close()

            let second = client(url, store: store)
            for try await event in second.events(of: chat) {
                #expect(event.seq == 2)
                break
            }
            await second.close()
        }
    }

    @Test func `what the last client could not send is sent by the next one`() async throws {
        try await withOpenServer { url in
            let store = MemoryStore()
            let sender = client(url)
            let chat = try await sender.createChat(title: "Team").id

            let (stored, continuation) = AsyncStream.makeStream(of: PendingMessage.self)
            // Nothing listens on this port.
            let first = ChatClient(url: "http://127.0.0.1:1", store: store, onOutbox: { continuation.yield($0) })
            await first.send("one", to: chat, key: "k1")
            await first.send("two", to: chat, key: "k2")
            var iterator = stored.makeAsyncIterator()
            for _ in 1...2 { _ = await iterator.next() }
            let unsent = await first.pending(in: chat)
            await first.close()
            for pending in unsent + [await first.send("late", to: chat, key: "k3")] {
                let error = await #expect(throws: ChatError.self) { try await pending.result }
                #expect(error?.code == ChatError.closed)
            }

            let second = client(url, store: store)
            #expect(try await second.send("three", to: chat).result.seq == 3)
            #expect(try await sender.messages(of: chat).messages.map(\.idempotencyKey).prefix(2) == ["k1", "k2"])
            #expect(await store.get("outbox") == nil)
            await second.close()
            await sender.close()
        }
    }

    @Test func `a rejected message fails and can be discarded`() async throws {
        try await withOpenServer { url in
            let client = client(url)
            let chat = try await client.createChat(title: "Team").id
            let rejected = await client.send(" ", to: chat)
            let accepted = await client.send("Hello!", to: chat)
            let error = await #expect(throws: ChatError.self) { try await rejected.result }
            #expect(error?.code == "validation_failed")
            #expect(try await accepted.result.seq == 1)
            #expect(await client.pending(in: chat).map(\.key) == [rejected.key])
            await client.discard(rejected)
            #expect(await client.pending(in: chat).isEmpty)
            await client.close()
        }
    }

    @Test func `the key of a rejected message sends it again`() async throws {
        try await withServer { url, token in
            let ada = client(url, token: { try await token("ada") })
            let store = MemoryStore()
            let bot = client(url, token: { try await token("bot") }, store: store)
            let chat = try await ada.createChat(title: "Team").id
            let rejected = await bot.send("Hello!", to: chat, key: "answer-1")
            let error = await #expect(throws: ChatError.self) { try await rejected.result }
            #expect(error?.code == "chat_not_found")
            try await ada.addMembers(["bot"], to: chat)
            await bot.close()

            // A bot that was restarted handles the event again.
            let next = client(url, token: { try await token("bot") }, store: store)
            while await next.pending(in: chat).isEmpty { await Task.yield() }
            let other = await next.send("Another answer", to: chat, key: "answer-1")
            let reused = await #expect(throws: ChatError.self) { try await other.result }
            #expect(reused?.code == ChatError.keyReused)
            #expect(try await next.send("Hello!", to: chat, key: "answer-1").result.text == "Hello!")
            #expect(await next.pending(in: chat).isEmpty)
            await ada.close()
            await next.close()
        }
    }

    @Test func `nothing is reported of a discarded message`() async throws {
        try await withOpenServer { url in
            let (reports, continuation) = AsyncStream.makeStream(of: PendingMessage.Status.self)
            let client = ChatClient(url: url, onOutbox: { continuation.yield($0.status) })
            let chat = try await client.createChat(title: "Team").id
            let rejected = await client.send(" ", to: chat)
            let error = await #expect(throws: ChatError.self) { try await rejected.result }
            await client.retry(rejected)
            await client.discard(rejected)
            _ = try await client.send("Hello!", to: chat).result
            await client.close()
            continuation.finish()
            let failures = await reports.reduce(into: [ChatError]()) { failures, status in
                if case .failed(let error) = status { failures.append(error) }
            }
            #expect(failures == [error])
        }
    }

    @Test func `the inbox shows members their chats`() async throws {
        try await withServer { url, token in
            let ada = client(url, token: { try await token("ada") })
            let ben = client(url, token: { try await token("ben") })
            _ = try await ben.me()
            let chat = try await ada.createChat(title: "Team", members: ["ben"])
            _ = try await ada.send("Hello!", to: chat.id).result
            for try await event in ben.inbox() {
                guard case .chat(let line) = event else { continue }
                #expect(line.chat.id == chat.id && line.lastMessage?.text == "Hello!")
                #expect(line.role == .member && line.marker.unread == 1)
                break
            }
            #expect(try await ben.markRead(upTo: 100, in: chat.id).unread == 0)
            #expect(try await ben.unread() == 0)
            #expect(try await ada.members(of: chat.id).members.map(\.userID) == ["ada", "ben"])
            #expect(try await ada.users(["ben", "nobody"]).map(\.id) == ["ben"])
            #expect(try await ada.direct(with: "ben") == ben.direct(with: "ada"))

            // When the server removes the user, the loop ends by itself.
            try await ada.removeMember("ben", from: chat.id)
            var last: ChatEvent?
            for try await event in ben.events(of: chat.id, after: 0) { last = event }
            #expect(last == .chatDeleted)
            await ada.close()
            await ben.close()
        }
    }

    @Test func `another user's message with the same key is not mistaken for ours`() async throws {
        /// Stores no message before the gate is open, so that none is sent.
        struct GatedStore: ChatClientStore {
            let gate: AsyncStream<Void>

            func get(_ name: String) -> String? {
                nil
            }

            func set(_ name: String, to value: String?) async {
                if name == "outbox" { for await _ in gate {} }
            }
        }

        try await withServer { url, token in
            let (gate, opener) = AsyncStream.makeStream(of: Void.self)
            let ada = client(url, token: { try await token("ada") })
            let ben = client(url, token: { try await token("ben") }, store: GatedStore(gate: gate))
            let chat = try await ada.createChat(title: "Team", members: ["ben"]).id
            let pending = await ben.send("Ben's answer", to: chat, key: "answer-1")
            _ = try await ada.send("Ada's answer", to: chat, key: "answer-1").result
            for try await event in ben.events(of: chat, after: 0) where event == .caughtUp { break }
            #expect(pending.status == .pending)
            opener.finish()
            #expect(try await pending.result.text == "Ben's answer")
            await ada.close()
            await ben.close()
        }
    }
}
