import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import PostgresClient
import Testing

/// What remains of edited and deleted messages after the schema goes down and up again.
@Suite(.timeLimit(.minutes(5)))
struct DowngradeTests {
    @Test(arguments: DatabaseKind.allCases)
    func `logs are complete after a downgrade and an upgrade`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { runner, store, database in
            try await runner.migrate(.up, to: .head)
            let chat = try await fill(store, database)
            let epoch = try await database.rows("SELECT epoch FROM history")

            try await runner.migrate(.down, to: .base)
            try await runner.migrate(.up, to: .head)
            try await store.checkReadiness()
            let list = try await store.chats(ChatListQuery(limit: 100))
            #expect(list.chats.map(\.title) == (kind == .postgresql ? ["new"] : []))
            for chat in list.chats {
                let log = try await store.log(of: chat.id, after: 0, limit: 100)
                #expect(log.entries.map(\.position.rawValue) == Array(1...log.lastPosition.rawValue))
                #expect(log.lastPosition == chat.lastPosition)
                #expect(chat.messageCount == chat.lastPosition.rawValue)
            }
            // Positions have a new meaning, so clients that know old ones must be told.
            #expect(try await database.rows("SELECT epoch FROM history") != epoch)

            // The service continues after the last entry, with ids that were never used.
            guard kind == .postgresql else { return }
            let message = try await store.postMessage(MessageText("four"), to: chat)
            #expect(message.position == 3)
            let largest = try await database.rows("SELECT CAST(max(id) AS text) FROM messages")
            #expect(largest == [["\(message.id.rawValue)"]])
            #expect(message.id.rawValue == 4)
        }
    }

    @Test func `the original tables keep every chat and message that was not deleted`() async throws {
        try await withDatabase(.postgresql) { runner, store, database in
            try await runner.migrate(.up, to: .head)
            _ = try await fill(store, database)
            try await runner.migrate(.down, to: .base)
            #expect(try await database.rows("SELECT id::text, title FROM chats") == [["1", "new"]])
            let messages = try await database.rows(
                "SELECT id::text, chat_id::text, text FROM messages ORDER BY id"
            )
            #expect(messages == [["1", "1", "uno"], ["2", "1", "two"]])
            let columns = try await database.rows(
                """
                SELECT table_name || '.' || column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name <> 'schema_migrations' ORDER BY 1
                """
            )
            #expect(
                columns.map { $0[0] } == [
                    "chats.created_at", "chats.id", "chats.title",
                    "messages.chat_id", "messages.created_at", "messages.id", "messages.text",
                ]
            )
            let reference = """
                SELECT pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid = 'messages'::regclass AND contype = 'f'
                """
            #expect(
                try await database.rows(reference) == [["FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE"]]
            )
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func `entries about members keep their positions after a downgrade`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { runner, store, database in
            try await runner.migrate(.up, to: .head)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            _ = try await store.postMessage(MessageText("text"), to: chat)
            try await runner.migrate(.down, to: .revision("0002"))
            let changes = try await database.rows("SELECT kind, author, payload FROM changes ORDER BY seq")
            #expect(changes == Array(repeating: ["chat.updated", "ada", nil], count: 2))

            try await runner.migrate(.up, to: .head)
            try await store.checkReadiness()
            let log = try await store.log(of: chat, after: 0, limit: 9)
            #expect(log.entries.map(\.kind) == [.chatUpdated, .chatUpdated, .messageCreated])
            await #expect(throws: StoreError.chatNotFound) {
                try await store.log(of: chat, after: 0, limit: 9, by: .ungranted("ada"))
            }
        }
    }

    /// An import can bring the same message id into several chats, or ids that do not follow the positions.
    @Test(arguments: [
        (
            "INSERT INTO messages (id, chat_id, seq, text, created_at) SELECT 1, 2, 1, 'same', now()",
            "the original tables cannot hold message 1 of several chats"
        ),
        (
            "INSERT INTO messages (id, chat_id, seq, text, created_at) VALUES (9, 2, 1, 'x', now()), (8, 2, 2, 'x', now())",
            "the original tables cannot hold chat 2, whose message ids do not ascend"
        ),
    ])
    func `messages that the original tables cannot hold stop the downgrade`(_ script: String, _ reason: String)
        async throws
    {
        try await withDatabase(.postgresql) { runner, store, database in
            try await runner.migrate(.up, to: .head)
            for title in ["one", "two"] {
                let chat = try await store.createChat(titled: ChatTitle(title)).id
                if title == "one" {
                    _ = try await store.postMessage(MessageText("first"), to: chat)
                }
            }
            try await database.execute(script)
            let before = try await database.rows(
                "SELECT chat_id::text, seq::text, id::text FROM messages ORDER BY 1, 2"
            )
            let refusal = MigrationError.refused(reason: reason)
            await #expect(throws: refusal) { try await runner.migrate(.down, to: .base) }
            let after = try await database.rows("SELECT chat_id::text, seq::text, id::text FROM messages ORDER BY 1, 2")
            #expect(after == before)
            // Later migrations were reverted before.
            try await runner.migrate(.up, to: .head)
            try await store.checkReadiness()
        }
    }

    /// Makes a chat with an edited, an untouched and a deleted message, and another that is partly purged.
    ///
    /// - Returns: The first one, with messages 1 to 3 at positions 1 to 3 and three changes after them.
    private func fill(_ store: any ChatStore, _ database: DatabaseUnderTest) async throws -> ChatID {
        let chat = try await store.createChat(titled: ChatTitle("chat")).id
        let metadata = Metadata(json: #"{"a":1}"#)
        let draft = MessageDraft(
            text: try MessageText("one"),
            metadata: metadata,
            idempotencyKey: IdempotencyKey("k")
        )
        let first = try await store.recordMessage(.post(draft), in: chat).value
        _ = try await store.postMessage(MessageText("two"), to: chat)
        let third = try await store.postMessage(MessageText("three"), to: chat)
        _ = try await store.edit(first.id, in: chat, text: "uno")
        try await store.delete(third.id, in: chat)
        _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new"), metadata: .replace(metadata)))
        let large = try await store.createChat(titled: ChatTitle("large")).id
        try await database.fill(large.rawValue, messages: 12_000)
        try await store.deleteChat(large)
        #expect(try await store.purgeDeletedChats())
        return chat
    }

    private func withDatabase(
        _ kind: DatabaseKind,
        _ body: (MigrationRunner, any ChatStore, DatabaseUnderTest) async throws -> Void
    ) async throws {
        switch kind {
        case .sqlite:
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
            try await body(MigrationRunner(database), SQLiteStore(database), .sqlite(database))
            try database.close()
        case .postgresql:
            try await TestPostgres.withDatabase(migrated: false) { url in
                let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 2)
                try await body(MigrationRunner(database), PostgresStore(database), .postgresql(url))
                await database.close()
            }
        }
    }
}
