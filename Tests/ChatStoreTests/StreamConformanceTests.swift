import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with messages whose text grows.
@Suite(.timeLimit(.minutes(5)))
struct StreamConformanceTests {
    private typealias Store = any ServiceStore & ChatArchive

    private static let ada = Caller.ungranted("ada")
    private static let bob = Caller.ungranted("bob")

    /// A chat of Ada's and Bob's.
    private func chat(on store: Store) async throws -> ChatID {
        let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
        return try await store.createChat(draft, by: Self.ada).value.id
    }

    private func open(
        _ text: String = "",
        in chat: ChatID,
        by caller: Caller = ada,
        key: String? = nil,
        on store: Store
    ) async throws -> Message {
        let draft = MessageDraft(
            opening: try StreamedText(text),
            ttl: MessageTTL(seconds: 5),
            idempotencyKey: key.flatMap { IdempotencyKey($0) }
        )
        return try await store.recordMessage(.post(draft), in: chat, by: caller).value
    }

    private func change(
        _ change: StreamChange,
        of message: Message,
        by caller: Caller = ada,
        on store: Store
    ) async throws(StoreError) -> Message {
        let reference = message.reference
        return try await store.changeStream(StreamRequest(change, of: reference, by: caller))
    }

    private func finish(
        _ message: Message,
        _ finish: MessageFinish,
        by caller: Caller = ada,
        on store: Store
    ) async throws(StoreError) -> Message {
        try await store.recordMessage(.finish(message.id, finish, epoch: 1), in: message.chatID, by: caller).value
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message that grows has two entries`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let opened = try await open("Hel", in: chat, key: "k", on: store)
            #expect(opened.isOpen && opened.stream?.writer?.epoch == 0 && opened.text == "Hel")
            #expect(try await open("Hel", in: chat, key: "k", on: store) == opened)

            let held = try await change(.hold, of: opened, on: store)
            #expect(held.stream?.writer?.epoch == 1)
            let expiresAt = held.createdAt.advanced(by: .seconds(99))
            let text = try StreamedText(String(repeating: "ü", count: 32_768))
            let stored = try await change(.checkpoint(text, epoch: 1, expiresAt: expiresAt), of: opened, on: store)
            #expect(stored.text == text.value && stored.stream?.writer?.expiresAt == expiresAt && stored.revision == 1)
            #expect(try await store.message(opened.id, in: chat) == stored)

            let metadata = try #require(Metadata(json: #"{"tokens":3}"#))
            let done = MessageFinish(
                StreamEnd(.done),
                text: try StreamedText("Hello"),
                metadata: .replace(metadata)
            )
            let ended = try await finish(opened, done, on: store)
            #expect(ended.text == "Hello" && ended.metadata == metadata && ended.revision == 2 && ended.editedAt == nil)
            #expect(ended.stream == .ended(StreamEnd(.done)))
            #expect(try await finish(opened, done, on: store) == ended)
            let other = MessageFinish(StreamEnd(.done), text: try StreamedText("Bye"), metadata: .replace(metadata))
            await #expect(throws: StoreError.messageNotOpen) { try await finish(opened, other, on: store) }
            let log = try await store.log(of: chat, after: 2, limit: 9)
            #expect(log.entries.map(\.kind) == [.messageCreated, .messageUpdated])
            #expect(log.entries.map(\.subject) == [.message(ended), .message(ended)])
            #expect(try await store.chat(chat).messageCount == 1)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `only the server that holds a message writes it`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let message = try await open(in: try await chat(on: store), on: store)
            for epoch in 1...2 {
                #expect(try await change(.hold, of: message, on: store).stream?.writer?.epoch == Int64(epoch))
            }
            let text = try StreamedText("late")
            await #expect(throws: StoreError.writerReplaced) {
                try await change(.checkpoint(text, epoch: 1, expiresAt: message.createdAt), of: message, on: store)
            }
            await #expect(throws: StoreError.writerReplaced) {
                try await finish(message, MessageFinish(StreamEnd(.done)), on: store)
            }
            #expect(try await store.message(message.id, in: message.chatID).text == "")
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `only the author and administrators write, and every member may cancel`(
        _ store: StoreUnderTest
    ) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let message = try await open(in: chat, on: store)
            await #expect(throws: StoreError.forbidden) {
                try await change(.hold, of: message, by: Self.bob, on: store)
            }
            await #expect(throws: StoreError.chatNotFound) {
                try await change(.cancel, of: message, by: .ungranted("eve"), on: store)
            }
            #expect(try await change(.hold, of: message, by: .anonymous, on: store).stream?.writer?.epoch == 1)
            let cancelled = try await change(.cancel, of: message, by: Self.bob, on: store)
            #expect(cancelled.stream?.writer?.cancelledAt != nil)
            #expect(try await change(.cancel, of: message, by: Self.bob, on: store) == cancelled)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an open message is not edited, and an ended one is`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let message = try await open("Hel", in: chat, on: store)
            await #expect(throws: StoreError.messageOpen) { try await store.edit(message.id, in: chat, text: "no") }
            _ = try await change(.hold, of: message, on: store)
            let end = StreamEnd(.failed, reason: try EndReason("no model"))
            let ended = try await finish(message, MessageFinish(end), on: store)
            #expect(ended.text == "Hel" && ended.stream == .ended(end))
            await #expect(throws: StoreError.messageNotOpen) { try await change(.hold, of: message, on: store) }
            await #expect(throws: StoreError.messageNotOpen) { try await change(.cancel, of: message, on: store) }
            await #expect(throws: StoreError.messageNotOpen) {
                try await finish(message, MessageFinish(StreamEnd(.done)), on: store)
            }
            let edited = try await store.edit(message.id, in: chat, text: "Hello")
            #expect(edited.text == "Hello" && edited.stream == .ended(end) && edited.revision == 3)
            let whole = try await store.postMessage(MessageText("whole"), to: chat)
            await #expect(throws: StoreError.messageNotOpen) { try await change(.cancel, of: whole, on: store) }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted message is no longer open`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let message = try await open("Hel", in: chat, on: store)
            #expect(try await store.delete(message.id, in: chat, by: Self.ada).stream == nil)
            await #expect(throws: StoreError.messageNotFound) { try await change(.hold, of: message, on: store) }
            let later = message.createdAt.advanced(by: .seconds(999))
            #expect(try await store.lapsedMessages(at: later, limit: 9).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `at most 16 messages of a chat are open`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            // At once, so that some share a batch.
            let opened = try await withThrowingTaskGroup { group in
                for _ in 0..<20 { group.addTask { try? await open(in: chat, on: store) } }
                return try await group.reduce(into: [Message]()) { $0 += [$1].compactMap(\.self) }
            }
            #expect(opened.count == MessageStream.maximumPerChat)
            await #expect(throws: StoreError.tooManyOpenMessages) { try await open(in: chat, on: store) }
            _ = try await open(in: try await self.chat(on: store), on: store)
            _ = try await store.delete(opened[0].id, in: chat)
            _ = try await open(in: chat, on: store)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the open messages of several chats are found`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chats = [try await chat(on: store), try await chat(on: store), try await chat(on: store)]
            var opened: [Message] = []
            for chat in chats {
                _ = try await store.postMessage(MessageText("whole"), to: chat)
                opened.append(try await open("Hel", in: chat, on: store))
                opened.append(try await open(in: chat, on: store))
            }
            _ = try await store.delete(opened[1].id, in: chats[0])
            func find(_ chats: [ChatID]) async throws -> [Message] {
                try await store.openMessages(of: chats).sorted { $0.id.rawValue < $1.id.rawValue }
            }
            #expect(try await find(Array(chats.prefix(2)) + [999]) == [opened[0], opened[2], opened[3]])
            #expect(try await find([]) == [])
            try await store.deleteChat(chats[2])
            #expect(try await find(chats) == [opened[0], opened[2], opened[3]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message without a writer lapses`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let message = try await open("Hel", in: chat, on: store)
            let reference = BatchPlan.MessageReference(chatID: chat, id: message.id)
            #expect(try await store.lapsedMessages(at: message.createdAt, limit: 9).isEmpty)
            let later = message.createdAt.advanced(by: .seconds(30))
            #expect(try await store.lapsedMessages(at: later, limit: 9) == [reference])
            // The store's clock says that it has time.
            #expect(try await store.recordMessage(.lapse(message.id), in: chat).value == message)

            _ = try await change(.hold, of: message, on: store)
            let long = message.createdAt.advanced(by: .seconds(60))
            let text = try StreamedText("Hello")
            _ = try await change(.checkpoint(text, epoch: 1, expiresAt: long), of: message, on: store)
            #expect(try await store.lapsedMessages(at: later, limit: 9).isEmpty)
            _ = try await change(.cancel, of: message, by: Self.bob, on: store)
            #expect(try await store.lapsedMessages(at: later, limit: 9) == [reference])
            try await store.deleteChat(chat)
            #expect(try await store.lapsedMessages(at: long, limit: 9).isEmpty)
        }
    }
}
