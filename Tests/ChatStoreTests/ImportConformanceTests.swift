import ChatDomain
import ChatTestSupport
import PostgresClient
import Testing

/// Imports that run concurrently with everything else.
@Suite(.timeLimit(.minutes(5)))
struct ImportConformanceTests {
    private static let instant = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    /// A chat with one message for each id.
    private static func stretch(chat: Int64, messages: [Int64] = []) -> ArchivedStretch {
        let id = ChatID(rawValue: chat)
        let head = LogHead(
            chat: Chat(
                id: id,
                title: "imported",
                createdAt: instant,
                lastPosition: Position(rawValue: Int64(messages.count))
            ),
            instant: instant
        )
        let entries = messages.enumerated().map { index, message in
            ArchivedEntry.message(
                Message(
                    id: MessageID(rawValue: message),
                    chatID: id,
                    position: Position(rawValue: Int64(index + 1)),
                    text: "imported",
                    createdAt: instant
                ),
                fingerprint: nil
            )
        }
        return ArchivedStretch(chat: ArchivedChat(head: head), entries: entries)
    }

    /// Imports chats and messages under ids that other tasks are about to get, and posts and creates others in between.
    ///
    /// - Returns: The ids that the store gave.
    private static func importAhead(
        of chat: ChatID,
        into store: any ChatStore & ChatArchive
    ) async throws -> (posted: [Int64], created: [Int64]) {
        var posted: [Int64] = []
        var created: [Int64] = []
        for distance in Int64(1)...20 {
            let message = try await store.postMessage(MessageText("own"), to: chat).id.rawValue
            let other = try await store.createChat(titled: ChatTitle("own")).id.rawValue
            posted.append(message)
            created.append(other)
            let stretch = stretch(chat: other + distance % 5, messages: [message + distance % 7])
            let result = try await store.importBatch([stretch], skipsConflicts: false)
            // The chat's id may have been taken meanwhile, or imported with another message.
            for conflict in result.conflicts {
                #expect(conflict.reason.contains(/is taken|differs from the one in the database/))
            }
            let next = try await store.postMessage(MessageText("own"), to: chat).id.rawValue
            let following = try await store.createChat(titled: ChatTitle("own")).id.rawValue
            if result.conflicts.isEmpty {
                #expect(next > message + distance % 7)
            }
            #expect(following > other + distance % 5)
            posted.append(next)
            created.append(following)
        }
        return (posted, created)
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `ids stay unique and increase while posts, creations and imports race`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("busy")).id
            var posted: [Int64] = []
            var created: [Int64] = [chat.rawValue]
            try await withThrowingTaskGroup(of: (posted: [Int64], created: [Int64]).self) { group in
                for _ in 1...4 {
                    group.addTask {
                        var ids: [Int64] = []
                        for _ in 1...40 {
                            ids.append(try await store.postMessage(MessageText("own"), to: chat).id.rawValue)
                        }
                        return (ids, [])
                    }
                    group.addTask {
                        var ids: [Int64] = []
                        for _ in 1...20 {
                            ids.append(try await store.createChat(titled: ChatTitle("own")).id.rawValue)
                        }
                        return ([], ids)
                    }
                }
                for _ in 1...2 {
                    group.addTask { try await Self.importAhead(of: chat, into: store) }
                }
                for try await ids in group {
                    posted += ids.posted
                    created += ids.created
                }
            }
            #expect(Set(posted).count == posted.count)
            #expect(Set(created).count == created.count)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `concurrent imports of the same chats add them once`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let stretches = (1...50).map { Self.stretch(chat: $0 * 10, messages: [$0 * 100, $0 * 100 + 1]) }
            let added = try await withThrowingTaskGroup(of: ImportCount.self) { group in
                for _ in 1...3 {
                    group.addTask { try await store.importBatch(stretches, skipsConflicts: false).added }
                }
                var total = ImportCount()
                for try await count in group {
                    total.chats += count.chats
                    total.entries += count.entries
                }
                return total
            }
            #expect(added == ImportCount(chats: 50, entries: 100))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a log entry keeps its payload`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            var stretch = Self.stretch(chat: 7, messages: [1])
            let record = LogRecord(
                chatID: stretch.chat.id,
                position: 2,
                kind: .messageUpdated,
                instant: Self.instant,
                messageID: 1,
                payload: Metadata(json: #"{"emoji":"👍"}"#)
            )
            stretch.entries.append(.change(record))
            let added = try await store.importBatch([stretch], skipsConflicts: false).added
            #expect(added == ImportCount(chats: 1, entries: 2))
            #expect(try await store.importBatch([stretch], skipsConflicts: false).added == ImportCount())
            let start: Position = 0
            #expect(try await store.archivedEntries(of: record.chatID, after: start, limit: 10) == stretch.entries)
            let log = try await store.log(of: record.chatID, after: start, limit: 10)
            #expect(log.entries.map(\.payload) == [nil, record.payload])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import ends a message that is open here only if the archive knows more of it`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            let draft = MessageDraft(opening: try StreamedText("Hel"), ttl: .standard)
            let opened = try await store.recordMessage(.post(draft), in: chat.id).value
            var archived = opened
            archived.stream = .ended(StreamEnd(.failed, reason: .imported))
            var head = LogHead(chat: chat, instant: opened.createdAt)
            head.advance(at: opened.createdAt)
            // A longer log, in which the message is still open.
            let rename = LogRecord(chatID: chat.id, position: 2, kind: .chatUpdated, instant: opened.createdAt)
            head.advance(at: opened.createdAt)
            var stretch = ArchivedStretch(
                chat: ArchivedChat(head: head),
                entries: [.message(archived, fingerprint: nil), .change(rename)]
            )
            #expect(try await store.importBatch([stretch], skipsConflicts: false).added == ImportCount(entries: 1))
            #expect(try await store.message(opened.id, in: chat.id) == opened)

            archived.text = "Hello"
            archived.revision = 2
            archived.stream = .ended(StreamEnd(.done))
            let end = LogRecord(
                chatID: chat.id,
                position: 3,
                kind: .messageUpdated,
                instant: opened.createdAt,
                messageID: opened.id
            )
            head.advance(at: opened.createdAt)
            stretch = ArchivedStretch(
                chat: ArchivedChat(head: head),
                entries: [.message(archived, fingerprint: nil), .change(rename), .change(end)]
            )
            #expect(try await store.importBatch([stretch], skipsConflicts: false).added == ImportCount(entries: 1))
            #expect(try await store.message(opened.id, in: chat.id) == archived)
            let reference = BatchPlan.MessageReference(chatID: chat.id, id: opened.id)
            await #expect(throws: StoreError.messageNotOpen) {
                try await store.changeStream(StreamRequest(.hold, of: reference, by: .anonymous))
            }
        }
    }

    @Test func `an import can run during a vacuum of the tables`() async throws {
        try await StoreUnderTest.postgresql.withStoreAndSQL { store, database in
            // The lock that VACUUM and autovacuum take.
            try await Self.holding("LOCK TABLE chats, messages, changes IN SHARE UPDATE EXCLUSIVE MODE", in: database) {
                let result = try await store.importBatch(
                    [Self.stretch(chat: 1_000, messages: [5_000])],
                    skipsConflicts: false
                )
                #expect(result == ImportResult(added: ImportCount(chats: 1, entries: 1)))
            }
            let next = try await store.postMessage(MessageText("own"), to: 1_000)
            #expect(next.id.rawValue == 5_001)
        }
    }

    /// PostgreSQL has no constraint for this: each transaction locks the chats of its messages instead.
    @Test(arguments: StoreUnderTest.allCases)
    func `no message outlives its chat while posts, imports and deletions race`(_ kind: StoreUnderTest) async throws {
        try await kind.withStoreAndSQL { store, database in
            if case .postgresql(let url) = database {
                try await withPostgres(url) { try await Self.race(store, $0) }
            } else {
                try await Self.race(store, store)
            }
            for table in ["messages", "changes"] {
                let orphans = "SELECT CAST(count(*) AS text) FROM \(table) WHERE chat_id NOT IN (SELECT id FROM chats)"
                #expect(try await database.rows(orphans) == [["0"]])
            }
        }
    }

    private static func race(_ store: any ChatStore, _ other: any ChatStore & ChatArchive) async throws {
        for round in 1...20 as ClosedRange<Int64> {
            let chat = try await store.createChat(titled: ChatTitle("short-lived")).id
            let message = try await store.postMessage(MessageText("first"), to: chat)
            _ = try await store.edit(message.id, in: chat, text: "edited")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for poster in [store, other, store, other] {
                    group.addTask {
                        do {
                            for _ in 1...5 { _ = try await poster.postMessage(MessageText("late"), to: chat) }
                        } catch StoreError.chatNotFound {}
                    }
                }
                group.addTask {
                    let stretch = stretch(chat: chat.rawValue, messages: [100_000 + round])
                    _ = try await other.importBatch([stretch], skipsConflicts: true)
                }
                group.addTask { try await other.deleteChat(chat) }
                try await group.waitForAll()
            }
        }
    }

    @Test func `an import that waits for an id delays no other write`() async throws {
        try await StoreUnderTest.postgresql.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("busy")).id
            let drawn = "SELECT nextval(pg_get_serial_sequence('messages', 'id'))"
            try await withThrowingTaskGroup(of: ImportResult.self) { group in
                try await Self.holding(drawn, in: database) {
                    group.addTask {
                        try await store.importBatch(
                            [Self.stretch(chat: 1_000, messages: [5_000])],
                            skipsConflicts: false
                        )
                    }
                    for _ in 1...20 {
                        let own = try await store.postMessage(MessageText("own"), to: chat)
                        #expect(own.id.rawValue < 5_000)
                    }
                }
                let imported = try await group.next()
                #expect(imported == ImportResult(added: ImportCount(chats: 1, entries: 1)))
            }
            #expect(try await store.postMessage(MessageText("own"), to: chat).id.rawValue == 5_001)
        }
    }

    /// Runs `body` while another session's transaction, which has run a statement, is open.
    private static func holding(
        _ statement: String,
        in database: DatabaseUnderTest,
        _ body: () async throws -> Void
    ) async throws {
        guard case .postgresql(let url) = database else { return }
        let connection = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
        try await connection.open()
        try await connection.execute("BEGIN; \(statement)")
        try await body()
        try await connection.execute("COMMIT")
        await connection.close()
    }
}
