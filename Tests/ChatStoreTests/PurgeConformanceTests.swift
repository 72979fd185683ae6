import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with chats that are too large to remove at once.
@Suite(.timeLimit(.minutes(5)))
struct PurgeConformanceTests {
    /// More entries than any store removes in one transaction.
    private static let size = 25_000

    private static let rowCounts = """
        SELECT
            (SELECT CAST(count(*) AS text) FROM chats WHERE id = 1),
            (SELECT CAST(count(*) AS text) FROM messages WHERE chat_id = 1),
            (SELECT CAST(count(*) AS text) FROM changes WHERE chat_id = 1),
            (SELECT CAST(count(*) AS text) FROM chat_idempotency_keys WHERE chat_id = 1)
        """

    @Test(arguments: StoreUnderTest.allCases)
    func `a large deleted chat disappears for all readers at once`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let draft = ChatDraft(title: try ChatTitle("large"), idempotencyKey: IdempotencyKey("k"))
            let chat = try await store.createChat(draft).value.id
            let sent = LogChange.post(MessageDraft(text: try MessageText("sent"), idempotencyKey: IdempotencyKey("k")))
            let message = try await store.recordMessage(sent, in: chat).value
            try await database.fill(chat.rawValue, messages: Self.size)
            let end = LogEnd(
                epoch: try await store.epoch,
                position: try await store.chat(chat).lastPosition,
                instant: .now()
            )
            try await store.deleteChat(chat)
            #expect(try await database.rows(Self.rowCounts) == [["1", "\(Self.size + 1)", "0", "0"]])

            let update = ChatEdit(title: try ChatTitle("new"))
            for _ in 0..<2 {
                let query = LatestMessagesQuery(chatID: chat, limit: 20)
                await #expect(throws: StoreError.chatNotFound) { try await store.chat(chat) }
                await #expect(throws: StoreError.chatNotFound) { try await store.latestMessages(query) }
                await #expect(throws: StoreError.chatNotFound) {
                    try await store.latestMessages(LatestMessagesRequest(query, known: end))
                }
                await #expect(throws: StoreError.chatNotFound) { try await store.message(message.id, in: chat) }
                await #expect(throws: StoreError.chatNotFound) {
                    try await store.messages(.newest(of: chat, limit: 1))
                }
                await #expect(throws: StoreError.chatNotFound) {
                    try await store.log(of: chat, after: 0, limit: 1)
                }
                await #expect(throws: StoreError.chatNotFound) { try await store.recordMessage(sent, in: chat) }
                await #expect(throws: StoreError.chatNotFound) {
                    try await store.edit(message.id, in: chat, text: "new")
                }
                await #expect(throws: StoreError.chatNotFound) { try await store.delete(message.id, in: chat) }
                await #expect(throws: StoreError.chatNotFound) { try await store.updateChat(chat, update) }
                await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(chat) }
                #expect(try await store.chats(ChatListQuery(limit: 100)).chats.allSatisfy { $0.id != chat })
                // Repeat the checks with part of it purged.
                #expect(try await store.purgeDeletedChats())
            }
            // Another chat can use the key.
            let anew = try await store.createChat(
                ChatDraft(title: ChatTitle("new"), idempotencyKey: IdempotencyKey("k"))
            )
            #expect(!anew.isReplay)
            #expect(anew.value.id == 2)
            #expect(try await store.chats(ChatListQuery(limit: 100)).chats == [anew.value])
        }
    }

    /// Removing members takes as long as removing entries.
    @Test(arguments: StoreUnderTest.allCases)
    func `a chat with a short log and many members is purged in steps`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let draft = ChatDraft(title: try ChatTitle("crowd"))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            let count = Int(BatchPlan.removalLimit) + 1
            try await database.execute(
                """
                INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq)
                SELECT 1, 'user' || number, 'member', 1, 1 FROM \(database.numbers(upTo: count))
                """
            )
            let rows = "SELECT CAST(count(*) AS text) FROM members"
            try await store.deleteChat(chat)
            #expect(try await database.rows(rows) == [["\(count + 1)"]])
            let index = try await store.inboxIndex(of: "user7", leftSince: 1)
            #expect(index.chats.isEmpty)
            #expect(index.left.map(\.chatID) == [chat])
            while try await store.purgeDeletedChats() {}
            #expect(try await database.rows(rows) == [["0"]])
            #expect(try await store.inboxIndex(of: "user7", leftSince: 1).left.map(\.chatID) == [chat])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a purge in steps leaves nothing behind and disturbs no other chat`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            #expect(try await !store.purgeDeletedChats())
            let gone = try await store.createChat(titled: ChatTitle("gone")).id
            let kept = try await store.createChat(titled: ChatTitle("kept")).id
            try await database.fill(gone.rawValue, messages: Self.size)
            try await database.fill(kept.rawValue, messages: 10)
            // As many changes as messages.
            try await database.execute(
                """
                INSERT INTO changes (chat_id, seq, kind, message_id, created_at)
                SELECT chat_id, seq + \(Self.size), 'message.updated', id, created_at FROM messages WHERE chat_id = 1;
                UPDATE chats SET last_seq = 2 * \(Self.size) WHERE id = 1;
                """
            )
            try await store.deleteChat(gone)
            let text = try MessageText("meanwhile")
            let posted = try await withThrowingTaskGroup(of: [Message].self) { group in
                // Two purges at once, as from two servers.
                for _ in 0..<2 {
                    group.addTask {
                        while try await store.purgeDeletedChats() {}
                        return []
                    }
                }
                for _ in 0..<4 {
                    group.addTask {
                        var messages: [Message] = []
                        for _ in 0..<20 {
                            messages.append(try await store.postMessage(text, to: kept))
                        }
                        return messages
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            while try await store.purgeDeletedChats() {}
            #expect(try await database.rows(Self.rowCounts) == [["0", "0", "0", "0"]])
            let rest = try await store.messages(.newest(of: kept, limit: 100))
            #expect(rest.messages.count == 90)
            #expect(rest.messages.suffix(80) == posted.sorted { $0.position < $1.position }[...])
            #expect(rest.messages.map(\.position.rawValue) == Array(1...90))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a post to a large chat being deleted is stored or finds no chat`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("large")).id
            try await database.fill(chat.rawValue, messages: Self.size)
            let text = try MessageText("on its way")
            let outcomes = await withTaskGroup(of: StoreError?.self) { group in
                for number in 0..<32 {
                    group.addTask {
                        do throws(StoreError) {
                            if number == 16 {
                                try await store.deleteChat(chat)
                            } else {
                                _ = try await store.postMessage(text, to: chat)
                            }
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.allSatisfy { $0 == nil || $0 == .chatNotFound })
            while try await store.purgeDeletedChats() {}
            #expect(try await database.rows(Self.rowCounts) == [["0", "0", "0", "0"]])
        }
    }
}
