import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import ChatWire
import NIOPosix
import Testing

/// What operations reject, regardless of how a request arrives.
@Suite(.timeLimit(.minutes(5)))
struct OperationsTests {
    /// Passes the id of a chat with one message.
    private func withOperations(
        onDeletion: @escaping @Sendable () -> Void = {},
        _ body: (Operations<InterceptedStore>, Epoch, ChatID) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            let store = InterceptedStore(base)
            let operations = Operations(
                store,
                hub: EventHub(store),
                typing: TypingNotices(),
                onDeletion: onDeletion
            )
            let chat = try await operations.createChat(.anonymous, ChatDraft(title: ChatTitle("chat"))).value.id
            _ = try await operations.postMessage(.anonymous, MessageDraft(text: MessageText("text")), to: chat)
            try await body(operations, try await base.epoch, chat)
        }
    }

    private func place(_ position: Int64, in epoch: Epoch? = nil) -> LogPlace {
        LogPlace(epoch: epoch, position: Position(rawValue: position))
    }

    @Test func `positions of another epoch are rejected`() async throws {
        try await withOperations { operations, epoch, chat in
            let refusal = OperationError.epochChanged(to: epoch)
            let other = Epoch(rawValue: ~epoch.rawValue)
            let old = place(1, in: other)
            await #expect(throws: OperationError.cursorExpired(in: epoch)) {
                try await operations.listChats(.anonymous, ChatListQuery(limit: 1), in: other)
            }
            for range: MessageRange in [.before(old), .after(old), .around(old)] {
                await #expect(throws: refusal) {
                    try await operations.listMessages(.anonymous, of: chat, range, limit: 1)
                }
            }
            await #expect(throws: refusal) {
                try await operations.readLog(.anonymous, of: chat, after: old, limit: 1)
            }
            let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
            await #expect(throws: refusal) {
                try await operations.follow(.anonymous, chat, after: old, on: eventLoop)
            }
            let cursor = StreamCursor([(chat, old.position)], in: other)
            await #expect(throws: refusal) {
                try await operations.followAllChats(.anonymous, after: cursor, on: eventLoop)
            }
        }
    }

    @Test func `only a position with an epoch proves that a log went backward`() async throws {
        try await withOperations { operations, epoch, chat in
            let lost = place(2, in: epoch)
            let refusal = OperationError.epochChanged(to: epoch)
            await #expect(throws: refusal) {
                try await operations.listMessages(.anonymous, of: chat, .after(lost), limit: 1)
            }
            await #expect(throws: refusal) {
                try await operations.readLog(.anonymous, of: chat, after: lost, limit: 1)
            }
            let before = try await operations.listMessages(.anonymous, of: chat, .before(lost), limit: 1)
            #expect(before.messages.count == 1)
            for position in [2, .max] as [Int64] {
                let log = try await operations.readLog(.anonymous, of: chat, after: place(position), limit: 1)
                #expect(log.entries.isEmpty)
                let page = try await operations.listMessages(.anonymous, of: chat, .after(place(position)), limit: 1)
                #expect(page.messages.isEmpty)
            }
            let end: Position = 1
            await #expect(throws: PositionBeyondEnd(position: 2, end: end)) {
                let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
                return try await operations.follow(.anonymous, chat, after: place(2), on: eventLoop)
            }
        }
    }

    @Test func `the caller is the author`() async throws {
        try await withOperations { operations, _, chat in
            let (ada, bob) = (Caller.user("ada"), Caller.administrator("bob"))
            let draft = MessageDraft(text: try MessageText("text"), idempotencyKey: IdempotencyKey("k"))
            let message = try await operations.postMessage(ada, draft, to: chat).value
            #expect(message.author == "ada")
            #expect(try await !operations.postMessage(bob, draft, to: chat).isReplay)
            let edit = MessageEdit(text: try MessageText("edited"))
            _ = try await operations.editMessage(bob, message.id, in: chat, edit, onlyIf: .any)
            try await operations.deleteMessage(ada, message.id, in: chat, onlyIf: .any)
            _ = try await operations.editChat(bob, chat, ChatEdit(title: try ChatTitle("renamed")))
            let log = try await operations.readLog(ada, of: chat, after: place(0), limit: 20)
            #expect(log.entries.map(\.author) == [nil, "ada", "bob", "bob", "ada", "bob"])
            let created = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            for caller in [ada, bob] {
                #expect(try await !operations.createChat(caller, created).isReplay)
            }
        }
    }

    @Test func `only a successful deletion triggers a purge`() async throws {
        let (purges, purge) = AsyncStream.makeStream(of: Void.self)
        try await withOperations(onDeletion: { purge.yield() }) { operations, _, chat in
            try await operations.deleteChat(.anonymous, chat)
            await #expect(throws: StoreError.chatNotFound) {
                try await operations.deleteChat(.anonymous, chat)
            }
        }
        purge.finish()
        let count = await purges.reduce(0) { count, _ in count + 1 }
        #expect(count == 1)
    }
}
