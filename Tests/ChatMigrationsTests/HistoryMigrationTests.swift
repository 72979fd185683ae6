import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import PostgresClient
import Testing

/// Databases of earlier releases, with data in them, under this one.
@Suite(.timeLimit(.minutes(5)))
struct HistoryMigrationTests {
    enum Kind: CaseIterable {
        case sqlite
        case postgresql
    }

    @Test(arguments: Kind.allCases, ["0001", "0002"])
    func chatsOfAnEarlierReleaseAreReadAndGoOn(_ kind: Kind, _ revision: String) async throws {
        try await withDatabase(kind) { runner, store, database in
            try await runner.migrate(.up, to: .revision(revision))
            try await database.execute(rows(of: kind, withKeys: revision == "0002"))
            try await runner.migrate(.up, to: .head)
            try await expectTheRows(in: store)
            if revision == "0002" {
                // What was sent under a key before still stands under it.
                let draft = MessageDraft(text: try MessageText("two"), idempotencyKey: IdempotencyKey("k"))
                await #expect(throws: StoreError.idempotencyKeyReused) {
                    try await store.recordMessage(.post(draft), in: ChatID(rawValue: 1))
                }
                let keys = try await database.rows(
                    "SELECT idempotency_key FROM chat_idempotency_keys WHERE chat_id = 1"
                )
                #expect(keys == [["chat"]])
            }

            let chat = ChatID(rawValue: 1)
            let message = try await store.postMessage(MessageText("three"), to: chat)
            #expect(message.position == Position(rawValue: 3))
            #expect(message.id == MessageID(rawValue: 4))
            let edited = try await store.edit(MessageID(rawValue: 1), in: chat, text: "uno")
            #expect(edited.revision == 2)
            try await store.delete(MessageID(rawValue: 2), in: chat)
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("renamed")))
            let log = try await store.log(of: chat, after: Position(rawValue: 0), limit: 100)
            #expect(log.entries.map(\.position.rawValue) == Array(1...6))
        }
    }

    /// Down goes what the earlier release does not know; what it does know stays, and where it was.
    @Test(arguments: Kind.allCases)
    func whatWasChangedGoesDownAndUpAgain(_ kind: Kind) async throws {
        try await withDatabase(kind) { runner, store, database in
            try await runner.migrate(.up, to: .head)
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let metadata = Metadata(json: #"{"a":1}"#)
            let draft = MessageDraft(
                text: try MessageText("one"),
                metadata: metadata,
                idempotencyKey: IdempotencyKey("k")
            )
            let first = try await store.recordMessage(.post(draft), in: chat).value
            let second = try await store.postMessage(MessageText("two"), to: chat)
            let third = try await store.postMessage(MessageText("three"), to: chat)
            _ = try await store.edit(first.id, in: chat, text: "uno")
            try await store.delete(third.id, in: chat)
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new"), metadata: .replace(metadata)))
            // A chat of which a part has been purged.
            let large = try await store.createChat(titled: ChatTitle("large")).id
            try await database.fill(large.rawValue, messages: 12_000)
            try await store.deleteChat(large)
            #expect(try await store.purgeDeletedChats())

            try await runner.migrate(.down, to: .revision("0002"))
            let chats = try await database.rows("SELECT title, CAST(last_seq AS text) FROM chats")
            #expect(chats == [["new", "6"]])
            let kept = try await database.rows(
                "SELECT CAST(seq AS text), text, idempotency_key FROM messages ORDER BY seq"
            )
            #expect(kept == [["1", "uno", "k"], ["2", "two", nil]])

            try await runner.migrate(.up, to: .head)
            var expected = first
            expected.text = "uno"
            expected.metadata = nil
            let page = try await store.messages(.newest(of: chat, limit: 100))
            #expect(page.messages == [expected, second])
            let read = try await store.chat(chat)
            #expect(read.messageCount == 2)
            #expect(read.lastMessageAt == second.createdAt)
            #expect(read.metadata == nil)
            let message = try await store.postMessage(MessageText("four"), to: chat)
            #expect(message.position == Position(rawValue: 7))
            #expect(message.id.rawValue > third.id.rawValue)
            try await store.checkReadiness()
        }
    }

    /// Three chats as the releases before 0003 wrote them: with two messages, with one, and with none.
    private func rows(of kind: Kind, withKeys: Bool) -> String {
        let instant = { (second: Int) in
            kind == .sqlite ? "\(1_704_103_200 + second)000123" : "'2024-01-01 10:00:\(second).000123+00'"
        }
        var script = """
            INSERT INTO chats (title, created_at, last_seq, last_entry_at) VALUES
                ('two', \(instant(10)), 2, \(instant(30))),
                ('one', \(instant(11)), 1, \(instant(40))),
                ('none', \(instant(12)), 0, \(instant(12)));
            INSERT INTO messages (chat_id, seq, id, text, created_at) VALUES
                (1, 1, 1, 'one', \(instant(20))), (1, 2, 2, 'Привет 👋', \(instant(30))),
                (2, 1, 3, 'only', \(instant(40)));
            """
        script +=
            kind == .sqlite
            ? "UPDATE counters SET value = 3 WHERE name = 'message_id';"
            : "SELECT setval(pg_get_serial_sequence('messages', 'id'), 3);"
        if withKeys {
            script += """
                UPDATE messages SET idempotency_key = 'k', idempotency_fingerprint = 7 WHERE id = 2;
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id)
                VALUES ('chat', 9, 1);
                """
        }
        return script
    }

    private func expectTheRows(in store: any ChatStore) async throws {
        func instant(_ second: Int64) -> Instant {
            Instant(microsecondsSinceEpoch: (1_704_103_200 + second) * 1_000_000 + 123)
        }
        func message(_ id: Int64, in chat: Int64, at position: Int64, _ text: String, _ second: Int64) -> Message {
            Message(
                id: MessageID(rawValue: id),
                chatID: ChatID(rawValue: chat),
                position: Position(rawValue: position),
                text: text,
                createdAt: instant(second)
            )
        }
        func chat(_ id: Int64, _ title: String, _ second: Int64, messages: Int64, lastAt: Int64?) -> Chat {
            Chat(
                id: ChatID(rawValue: id),
                title: title,
                createdAt: instant(second),
                lastPosition: Position(rawValue: messages),
                lastMessageAt: lastAt.map(instant),
                messageCount: messages
            )
        }
        let two = chat(1, "two", 10, messages: 2, lastAt: 30)
        let one = chat(2, "one", 11, messages: 1, lastAt: 40)
        let none = chat(3, "none", 12, messages: 0, lastAt: nil)
        let messages = [message(1, in: 1, at: 1, "one", 20), message(2, in: 1, at: 2, "Привет 👋", 30)]
        #expect(messages.map(\.revision) == [1, 1])
        let list = try await store.chats(ChatListQuery(limit: 100))
        #expect(list == ChatList(chats: [one, two, none], next: nil))
        #expect(try await store.chat(two.id, newestMessages: 20) == ChatWithMessages(chat: two, messages: messages))
        #expect(try await store.chat(none.id, newestMessages: 20) == ChatWithMessages(chat: none, messages: []))
        let page = try await store.messages(.newest(of: two.id, limit: 20))
        #expect(page.messages == messages)
        #expect(try await store.message(MessageID(rawValue: 3), in: one.id) == message(3, in: 2, at: 1, "only", 40))
        let log = try await store.log(of: two.id, after: Position(rawValue: 0), limit: 100)
        #expect(log == LogPage(entries: messages.map(LogEntry.init(created:)), lastPosition: two.lastPosition))
    }

    private func withDatabase(
        _ kind: Kind,
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
