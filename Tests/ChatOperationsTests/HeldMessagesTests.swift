import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import ChatWire
import Synchronization
import Testing

/// What a server does with the open messages that it writes.
@Suite(.timeLimit(.minutes(5)))
struct HeldMessagesTests {
    private static let ada = Caller.ungranted("ada")
    private static let bob = Caller.ungranted("bob")

    /// A server process with a clock of its own.
    private struct Server: Sendable {
        let store: InterceptedStore
        let streams: HeldMessages<InterceptedStore>
        let operations: Operations<InterceptedStore>
        let time: Time

        final class Time: Sendable {
            private let now = Mutex(ContinuousClock.now)

            func callAsFunction() -> ContinuousClock.Instant {
                now.withLock { $0 }
            }

            func advance(by duration: Duration) {
                now.withLock { $0 += duration }
            }
        }

        init(_ store: InterceptedStore, capacity: Int = 1_000) {
            self.store = store
            time = Time()
            let hub = EventHub(store)
            streams = HeldMessages(store, hub: hub, capacity: capacity, now: { [time] in time() })
            operations = Operations(store, hub: hub, typing: TypingNotices(), streams: streams)
        }

        func open(_ text: String = "", ttl: Int64 = 60, in chat: ChatID) async throws -> Message {
            let draft = MessageDraft(opening: try StreamedText(text), ttl: MessageTTL(seconds: ttl))
            return try await operations.postMessage(ada, draft, to: chat).value
        }

        @discardableResult
        func append(
            _ text: String,
            at offset: Int,
            to message: Message,
            by caller: Caller = ada
        ) async throws -> AppendReceipt {
            let piece = try StreamedText(text)
            return try await operations.appendText(caller, piece, at: offset, to: message.id, in: message.chatID)
        }

        func finish(_ message: Message, _ state: StreamEnd.State = .done) async throws -> Message {
            try await finish(message, MessageFinish(StreamEnd(state)))
        }

        func finish(_ message: Message, _ finish: MessageFinish) async throws -> Message {
            try await operations.finishMessage(ada, message.id, in: message.chatID, finish)
        }

        /// The message as other servers see it.
        func stored(_ message: Message) async throws -> Message {
            try await store.message(message.id, in: message.chatID)
        }
    }

    private func withChat(
        on kind: StoreUnderTest = .sqliteInMemory,
        _ body: @Sendable (Server, Server, ChatID) async throws -> Void
    ) async throws {
        try await kind.withStore { base in
            let store = InterceptedStore(base)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: Self.ada).value.id
            try await body(Server(store), Server(store), chat)
        }
    }

    @Test func `appends are acknowledged before they are stored`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            let first = try await server.append("Hello", at: 0, to: message)
            #expect(first == AppendReceipt(length: 5, stored: 0, isCancelRequested: false))
            #expect(try await server.append("Hello, you", at: 0, to: message).length == 10)
            #expect(try await server.stored(message).text == "")
            #expect(try await server.operations.readMessage(Self.bob, message.id, in: chat).text == "Hello, you")
            #expect(
                try await server.operations.listMessages(Self.bob, of: chat, .latest, limit: 1).messages[0].text
                    == "Hello, you"
            )

            // Two seconds later, the text has grown by more than a quarter.
            server.time.advance(by: .seconds(2))
            await server.streams.attend()
            #expect(try await server.stored(message).text == "Hello, you")
            #expect(try await server.append("!", at: 10, to: message).stored == 10)

            // A small growth waits for ten seconds.
            server.time.advance(by: .seconds(9))
            await server.streams.attend()
            #expect(try await server.stored(message).text == "Hello, you")
            server.time.advance(by: .seconds(1))
            await server.streams.attend()
            #expect(try await server.stored(message).text == "Hello, you!")

            try await server.append(" Bye", at: 11, to: message)
            let ended = try await server.finish(message)
            #expect(ended.text == "Hello, you! Bye" && ended.stream?.end == StreamEnd(.done))
            #expect(try await server.finish(message) == ended)
            await #expect(throws: StoreError.messageNotOpen) { try await server.finish(message, .failed) }
            await #expect(throws: StoreError.messageNotOpen) { try await server.append("x", at: 15, to: message) }
        }
    }

    @Test func `a text at the wrong offset changes nothing`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open("Hello", in: chat)
            await #expect(throws: AppendRejection.offsetMismatch(length: 5)) {
                try await server.append("x", at: 6, to: message)
            }
            await #expect(throws: AppendRejection.offsetMismatch(length: 5)) {
                try await server.append("jelly", at: 0, to: message)
            }
            #expect(try await server.append("lo!", at: 3, to: message).length == 6)
        }
    }

    @Test func `only the author and administrators write`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            await #expect(throws: StoreError.forbidden) {
                try await server.append("x", at: 0, to: message, by: Self.bob)
            }
            await #expect(throws: StoreError.chatNotFound) {
                try await server.append("x", at: 0, to: message, by: .ungranted("eve"))
            }
            try await server.append("Hello", at: 0, to: message)
            // What is not stored yet is kept when another caller writes.
            #expect(try await server.append(", you", at: 5, to: message, by: .anonymous).length == 10)
            #expect(try await server.append("!", at: 10, to: message).length == 11)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a writer that loses its rights writes no more, and what was acknowledged stays`(
        _ kind: StoreUnderTest
    ) async throws {
        for newRole in [nil, ChatRole.reader] {
            try await withChat(on: kind) { server, _, chat in
                let draft = MessageDraft(opening: try StreamedText("Hello"), ttl: .standard)
                let message = try await server.operations.postMessage(Self.bob, draft, to: chat).value
                try await server.append(", you", at: 5, to: message, by: Self.bob)
                let change = newRole.map { MemberChange.setRole("bob", $0) } ?? .remove("bob")
                _ = try await server.operations.changeMembers(Self.ada, of: chat, change)
                // The server learns of the change just after its response.
                await #expect(throws: newRole == nil ? StoreError.chatNotFound : .forbidden) {
                    while true { try await server.append("", at: 10, to: message, by: Self.bob) }
                }
                server.time.advance(by: .seconds(2))
                await server.streams.attend()
                #expect(try await server.store.message(message.id, in: chat).text == "Hello, you")
            }
        }
    }

    @Test func `rights that another server may have taken away are checked within a second`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: Self.ada).value.id
            let server = Server(InterceptedStore(store, signals: LogSignals()))
            let opening = MessageDraft(opening: try StreamedText("Hello"), ttl: .standard)
            let message = try await server.operations.postMessage(Self.bob, opening, to: chat).value
            _ = try await store.changeMembers(MemberRequest(.remove("bob"), in: chat, by: Self.ada))
            server.store.signals.receive(.moved([chat: 3]))
            server.time.advance(by: .seconds(1))
            await #expect(throws: StoreError.chatNotFound) {
                try await server.append("!", at: 5, to: message, by: Self.bob)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a writer that moves to another server continues from what is stored`(_ kind: StoreUnderTest) async throws {
        try await withChat(on: kind) { first, second, chat in
            let message = try await first.open(in: chat)
            try await first.append("Hello, ", at: 0, to: message)
            first.time.advance(by: .seconds(2))
            await first.streams.attend()
            try await first.append("old end", at: 7, to: message)
            await #expect(throws: AppendRejection.offsetMismatch(length: 7)) {
                try await second.append("x", at: 14, to: message)
            }
            #expect(try await second.append("new end", at: 7, to: message).length == 14)
            #expect(try await second.operations.readMessage(Self.bob, message.id, in: chat).text == "Hello, new end")

            // The first server learns of it when it stores its text.
            first.time.advance(by: .seconds(10))
            await first.streams.attend()
            #expect(try await first.operations.readMessage(Self.bob, message.id, in: chat).text == "Hello, ")
            await #expect(throws: AppendRejection.offsetMismatch(length: 7)) {
                try await first.append("x", at: 14, to: message)
            }
            // That took the message over again.
            await #expect(throws: StoreError.writerReplaced) { try await second.finish(message) }
            #expect(try await first.append("last", at: 7, to: message).length == 11)
            #expect(try await first.finish(message).text == "Hello, last")
        }
    }

    @Test func `an earlier holder does not answer from its memory`() async throws {
        try await withChat { first, second, chat in
            let message = try await first.open(in: chat)
            for (server, text, offset) in [(first, "Hello", 0), (second, ", you", 5)] {
                try await server.append(text, at: offset, to: message)
                server.time.advance(by: .seconds(2))
                await server.streams.attend()
                while try await server.stored(message).text.count < offset + text.count { await Task.yield() }
            }
            #expect(
                try await first.append("!", at: 10, to: message)
                    == AppendReceipt(length: 11, stored: 10, isCancelRequested: false)
            )
        }
    }

    @Test func `a writer that says how long the text is does not end another one`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open("Hello", in: chat)
            await #expect(throws: AppendRejection.offsetMismatch(length: 5)) {
                try await server.finish(message, MessageFinish(StreamEnd(.done), length: 6))
            }
            try await server.append("!", at: 5, to: message)
            #expect(try await server.finish(message, MessageFinish(StreamEnd(.done), length: 6)).text == "Hello!")
        }
    }

    @Test func `an end may name the revision of the open message`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open("Hello", in: chat)
            await #expect(throws: StoreError.revisionMismatch) {
                try await server.finish(message, MessageFinish(StreamEnd(.done), onlyIf: .oneOf([2])))
            }
            // It goes on growing.
            try await server.append("!", at: 5, to: message)
            let finish = MessageFinish(StreamEnd(.done), onlyIf: .oneOf([1]))
            let ended = try await server.finish(message, finish)
            #expect(ended.text == "Hello!")
            #expect(try await server.finish(message, finish) == ended)
            await #expect(throws: StoreError.revisionMismatch) {
                try await server.finish(message, MessageFinish(StreamEnd(.failed), onlyIf: .oneOf([1])))
            }
        }
    }

    @Test func `a message that has ended is not ended in another way`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            let metadata = try #require(Metadata(json: #"{"tokens":3}"#))
            let one = MessageFinish(StreamEnd(.done), text: try StreamedText("one"), metadata: .replace(metadata))
            let ended = try await server.finish(message, one)
            for same in [
                one, MessageFinish(StreamEnd(.done)), MessageFinish(StreamEnd(.done), length: 3),
                MessageFinish(StreamEnd(.done), text: one.text, length: 7),
            ] {
                #expect(try await server.finish(message, same) == ended)
            }
            for other in [
                MessageFinish(StreamEnd(.done), text: try StreamedText("two")),
                MessageFinish(StreamEnd(.done), length: 4),
                MessageFinish(StreamEnd(.done), metadata: .replace(nil)),
                MessageFinish(StreamEnd(.done, reason: .abandoned)),
            ] {
                await #expect(throws: StoreError.messageNotOpen) { try await server.finish(message, other) }
            }
        }
    }

    @Test func `rejected appends renew nothing`() async throws {
        try await withChat { server, _, chat in
            for isCancelled in [false, true] {
                let message = try await server.open("Hello", ttl: isCancelled ? 60 : 5, in: chat)
                if isCancelled {
                    try await server.operations.cancelMessage(Self.bob, message.id, in: chat)
                }
                for _ in 0..<4 {
                    server.time.advance(by: .seconds(1))
                    await server.streams.attend()
                    await #expect(throws: AppendRejection.offsetMismatch(length: 5)) {
                        try await server.append("x", at: 6, to: message)
                    }
                }
                server.time.advance(by: .seconds(1))
                await server.streams.attend()
                #expect(try await server.stored(message).stream?.end?.state == (isCancelled ? .cancelled : .failed))
            }
        }
    }

    @Test func `every read shows what is not stored yet`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            try await server.append("Hello", at: 0, to: message)
            let operations = server.operations
            let start = LogPlace(epoch: nil, position: 0)
            let log = try await operations.readLog(Self.bob, of: chat, after: start, limit: 9)
            let read = try await operations.readMessage(Self.bob, message.id, in: chat)
            #expect(log.entries.last?.subject == .message(read))
            let inbox = try await operations.readInbox(Self.bob, after: nil, limit: 9)
            let entries = inbox.changes.map { line -> Message? in
                if case .chat(let entry) = line { entry.lastMessage } else { nil }
            }
            let list = try await operations.listChats(Self.bob, ChatListQuery(limit: 9))
            for last in entries + [list.lastMessages[chat]] {
                #expect(last?.text == "Hello" && last?.openLength == 5)
            }
            #expect(try await server.stored(message).text == "")
        }
    }

    @Test func `what is not stored yet counts towards the size of a page`() async throws {
        try await withChat { server, _, chat in
            let piece = String(repeating: "👋", count: 32_768)
            var messages: [Message] = []
            for _ in 0..<10 {
                messages.append(try await server.open(in: chat))
                try await server.append(piece, at: 0, to: try #require(messages.last))
            }
            let ids = messages.map(\.id)
            let page = try await server.operations.listMessages(Self.bob, of: chat, .latest, limit: 100)
            #expect(page.messages.map(\.id) == ids.suffix(8) && page.hasBefore && !page.hasAfter)
            let place = LogPlace(epoch: nil, position: messages[0].position)
            let next = try await server.operations.listMessages(Self.bob, of: chat, .after(place), limit: 100)
            #expect(next.messages.map(\.id) == Array(ids[1..<9]) && next.hasBefore && next.hasAfter)
            let log = try await server.operations.readLog(Self.bob, of: chat, after: place, limit: 100)
            #expect(log.entries.last?.position == messages[8].position && log.lastPosition == messages[9].position)
            let latest = try await server.operations.readChat(Self.bob, LatestMessagesQuery(chatID: chat, limit: 100))
            #expect(latest.chat.messages.map(\.id) == ids.suffix(8) && latest.chat.messages.last?.text == piece)
        }
    }

    @Test func `a server that holds too many messages opens no other, and refuses no writer`() async throws {
        try await withChat { other, _, chat in
            let server = Server(other.store, capacity: 2)
            let elsewhere = try await other.open("Hello", in: chat)
            let first = try await server.open(in: chat)
            try await server.append("one", at: 0, to: first)
            server.time.advance(by: .seconds(1))
            let second = try await server.open(in: chat)
            try await server.append("two", at: 0, to: second)
            await #expect(throws: StoreError.tooManyHeldMessages) { try await server.open(in: chat) }

            // The message that was not written for the longest time makes room.
            server.time.advance(by: .seconds(1))
            #expect(try await server.append("!", at: 5, to: elsewhere).length == 6)
            #expect(try await server.stored(first).text == "one")
            #expect(try await server.stored(second).text == "")
            server.time.advance(by: .seconds(1))
            #expect(try await server.append("!", at: 3, to: first).length == 4)
            #expect(try await server.stored(second).text == "two")
            #expect(try await server.finish(second).text == "two")
            #expect(try await server.finish(elsewhere).text == "Hello!")
            #expect(try await server.open(in: chat).isOpen)
            #expect(try await server.operations.readMessage(Self.bob, first.id, in: chat).text == "one!")
        }
    }

    @Test func `a message without appends ends as abandoned`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open("Hel", ttl: 5, in: chat)
            try await server.append("lo", at: 3, to: message)
            server.time.advance(by: .seconds(4))
            // An empty append renews the lease.
            try await server.append("", at: 5, to: message)
            server.time.advance(by: .seconds(4))
            await server.streams.attend()
            #expect(try await server.stored(message).isOpen)
            server.time.advance(by: .seconds(1))
            await server.streams.attend()
            let ended = try await server.stored(message)
            #expect(ended.text == "Hello" && ended.stream?.end == StreamEnd(.failed, reason: .abandoned))
            #expect(try await server.store.log(of: chat, after: 0, limit: 9).entries.last?.kind == .messageUpdated)
        }
    }

    @Test func `a lease is stored while appends arrive`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(ttl: 600, in: chat)
            let opened = try #require(message.stream?.writer?.expiresAt)
            server.time.advance(by: .seconds(301))
            try await server.append("", at: 0, to: message)
            // That happens in the background.
            while try await server.stored(message).stream?.writer?.expiresAt == opened { await Task.yield() }
            let renewed = try #require(try await server.stored(message).stream?.writer?.expiresAt)
            #expect(renewed > opened)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message whose server is gone is ended by another one`(_ kind: StoreUnderTest) async throws {
        try await withChat(on: kind) { _, server, chat in
            let past = MessageDraft(opening: try StreamedText("Hel"), ttl: MessageTTL(seconds: 5))
            let message = try await server.store.recordMessage(.post(past), in: chat, by: Self.ada).value
            _ = try await server.operations.cancelMessage(Self.bob, message.id, in: chat)
            await server.streams.attend()
            #expect(try await server.stored(message).isOpen)
            // The store has a clock of its own.
            try await Task.sleep(for: .seconds(5.5))
            server.time.advance(by: .seconds(6))
            await server.streams.attend()
            #expect(try await server.stored(message).stream?.end?.state == .cancelled)
        }
    }

    @Test func `a writer that was asked to stop has five seconds`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            try await server.append("Hello", at: 0, to: message)
            await #expect(throws: StoreError.chatNotFound) {
                try await server.operations.cancelMessage(.ungranted("eve"), message.id, in: chat)
            }
            try await server.operations.cancelMessage(Self.bob, message.id, in: chat)
            #expect(try await server.append("!", at: 5, to: message).isCancelRequested)
            server.time.advance(by: .seconds(4.9))
            await server.streams.attend()
            #expect(try await server.stored(message).isOpen)
            server.time.advance(by: .seconds(0.1))
            await server.streams.attend()
            let ended = try await server.stored(message)
            #expect(ended.text == "Hello!" && ended.stream?.end == StreamEnd(.cancelled))
        }
    }

    @Test func `a server that stops stores everything`() async throws {
        try await withChat { server, next, chat in
            let messages = [try await server.open(in: chat), try await server.open(in: chat)]
            for message in messages { try await server.append("Hello", at: 0, to: message) }
            await server.streams.stop()
            for message in messages { #expect(try await server.stored(message).text == "Hello") }
            // Until the process ends, each append is stored before it is acknowledged.
            try await server.append(", you", at: 5, to: messages[0])
            #expect(try await next.append("!", at: 10, to: messages[0]).length == 11)
        }
    }

    @Test func `a deleted message is forgotten`() async throws {
        try await withChat { server, _, chat in
            let message = try await server.open(in: chat)
            try await server.append("Hello", at: 0, to: message)
            try await server.store.delete(message.id, in: chat, by: Self.ada)
            // The server learns of it after the request for it was answered.
            var error: StoreError?
            while error == nil {
                do {
                    try await server.append("Hello", at: 0, to: message)
                } catch let thrown as StoreError {
                    error = thrown
                }
            }
            #expect(error == .messageNotFound)
        }
    }
}
