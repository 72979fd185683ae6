import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import GRDB
import GRDBSQLite
import PostgresClient
import Synchronization
import Testing

/// The plans of the stores' real statements: an index finds the rows, and its order is the result's.
@Suite(.timeLimit(.minutes(5)))
struct QueryPlanTests {
    /// A database that was never analyzed plans by rules; an analyzed one plans by its statistics.
    @Test(arguments: [false, true])
    func `SQLite scans and sorts nothing`(_ isAnalyzed: Bool) async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
        try await MigrationRunner(database).migrate(.up, to: .head)
        let store = SQLiteStore(database, limits: .patient)
        try await fill(.sqlite(database), store, later: "created_at + number * 1000000")
        if isAnalyzed {
            try await database.writer.write { try $0.execute(sql: "ANALYZE") }
        }
        let statements = Mutex<Set<String>>([])
        // A database in memory has a single connection.
        try await database.writer.writeWithoutTransaction { database in
            database.trace { event in
                guard case .statement(let statement) = event else { return }
                statements.withLock { _ = $0.insert(statement.sql) }
            }
        }
        try await runEverything(on: store)
        try await database.writer.writeWithoutTransaction { $0.trace(options: []) }
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"]
        let planned = statements.withLock { $0 }.filter { sql in verbs.contains { sql.hasPrefix($0) } }
        #expect(planned.count >= 25)
        let looksForMessages = { @Sendable (sql: String) in
            sql.contains("chat_id = ? AND id = ?") || sql.contains("messages.id = changes.message_id")
        }
        #expect(planned.count(where: looksForMessages) >= 2)
        try await database.writer.read { database in
            for sql in planned {
                let plan = try Row.fetchAll(
                    database,
                    sql: "EXPLAIN QUERY PLAN " + sql,
                    arguments: .nulls(for: database.makeStatement(sql: sql))
                )
                let steps: [String] = plan.map { $0["detail"] }
                for step in steps where !sql.contains("FROM server_keys") && !step.hasPrefix("SCAN webhooks") {
                    // This index holds only users whose messages are being erased. The steps of a subquery say how it
                    // finds its rows, of which there are few. A virtual table is a list of a page's chats.
                    let scans =
                        step.hasPrefix("SCAN") && !step.hasSuffix("users_erasing")
                        && !step.hasPrefix("SCAN (subquery") && !step.contains("VIRTUAL TABLE")
                    #expect(!step.contains("TEMP B-TREE") && !scans, "\(step) in \(sql)")
                }
                if looksForMessages(sql) {
                    #expect(steps.contains { $0.contains("messages_id (id=? AND chat_id=?)") }, "\(steps) in \(sql)")
                }
            }
        }
        try database.close()
    }

    /// The few chats of a limited list are sorted.
    @Test func `SQLite looks up the chats of a limited list`() async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
        try await MigrationRunner(database).migrate(.up, to: .head)
        let statements = Mutex<Set<String>>([])
        try await database.writer.writeWithoutTransaction { connection in
            connection.trace { event in
                guard case .statement(let statement) = event else { return }
                statements.withLock { _ = $0.insert(statement.sql) }
            }
        }
        let store = SQLiteStore(database, limits: .patient)
        let scope = ChatListQuery.Scope(chatIDs: [1, 2], member: "ada")
        _ = try await store.chats(ChatListQuery(limit: 20, scope: scope, reader: "ada"))
        try await database.writer.writeWithoutTransaction { $0.trace(options: []) }
        let sql = try #require(statements.withLock { $0 }.first { $0.contains("UNION SELECT chat_id FROM members") })
        let steps: [String] = try await database.writer.read { database in
            try Row.fetchAll(
                database,
                sql: "EXPLAIN QUERY PLAN " + sql,
                arguments: .nulls(for: database.makeStatement(sql: sql))
            ).map {
                $0["detail"]
            }
        }
        #expect(steps.contains("SEARCH chats USING INTEGER PRIMARY KEY (rowid=?)"), "\(steps)")
        #expect(steps.contains("SEARCH members USING INDEX members_user_id (user_id=?)"), "\(steps)")
        try database.close()
    }

    @Test func `PostgreSQL scans and sorts nothing`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) {
                try await fill(.postgresql(url), $0, later: "created_at + number * '1 s'::interval")
            }
            try await TestPostgres.execute("ANALYZE", on: url)
            let plans = try await plans(on: url) { try await runEverything(on: $0) }
            #expect(Set(plans.compactMap { $0.split(separator: "Query Text: ").last?.prefix(300) }).count >= 25)
            let lists = plans.filter { $0.contains("ORDER BY last_entry_minute") }
            #expect(!lists.isEmpty)
            #expect(lists.allSatisfy { $0.contains("Index Scan Backward using chats_last_entry_minute on chats") })
            for plan in plans {
                // `history` and `access_state` have one row, `pg_database`, `server_keys` and `webhooks` a few.
                let scans = plan.matches(of: /Seq Scan on (\w+)/).map(\.1)
                #expect(
                    Set(scans).isSubset(of: ["access_state", "history", "pg_database", "server_keys", "webhooks"]),
                    "\(plan)"
                )
                // A batch is in memory and may be sorted: its chats before they are locked, its messages by number.
                // The list comes in the order of the index on minutes and is sorted within each minute.
                let sorts = plan.replacing("Incremental Sort  (cost", with: "").contains("Sort  (cost")
                let sortsABatch = ["FOR NO KEY UPDATE", "ORDER BY number", "FROM server_keys", "FROM webhooks"].contains
                {
                    plan.contains($0)
                }
                #expect(sortsABatch || !sorts, "\(plan)")
            }
        }
    }

    /// Skipping a run of deleted messages takes about as many instructions as skipping one.
    @Test func `SQLite skips runs of deleted messages`() async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
        try await MigrationRunner(database).migrate(.up, to: .head)
        let store = SQLiteStore(database, limits: .patient)
        let (few, many) = try await fillWithDeleted(.sqlite(database), store)
        func instructions(_ chat: ChatID) async throws -> Int {
            // A database in memory has a single connection.
            _ = try await database.writer.writeWithoutTransaction { $0.takeInstructionCount() }
            try await readNewest(of: chat, from: store)
            return try await database.writer.writeWithoutTransaction { $0.takeInstructionCount() }
        }
        let (short, long) = (try await instructions(few), try await instructions(many))
        #expect(short > 0)
        #expect(long < short * 2, "\(long) against \(short)")
        try database.close()
    }

    /// The run fills a few thousand pages.
    @Test func `PostgreSQL skips runs of deleted messages`() async throws {
        try await TestPostgres.withDatabase { url in
            let (few, many) = try await withPostgres(url) { try await fillWithDeleted(.postgresql(url), $0) }
            for chat in [few, many] {
                let plans = try await plans(
                    on: url,
                    options: ["auto_explain.log_analyze=on", "auto_explain.log_buffers=on"]
                ) { try await readNewest(of: chat, from: $0) }
                let pages = plans.compactMap { try? /shared hit=([0-9]+)(?: read=([0-9]+))?/.firstMatch(in: $0) }
                    .map { (Int($0.1) ?? 0) + ($0.2.flatMap { Int($0) } ?? 0) }
                #expect(!pages.isEmpty)
                #expect(pages.reduce(0, +) < 1_000, "\(plans)")
            }
        }
    }

    /// The plans that the server reports for a store's statements on one connection.
    private func plans(
        on url: PostgresURL,
        options: [String] = [],
        of body: (PostgresStore) async throws -> Void
    ) async throws -> [String] {
        try await CuttingProxy.withProxy(to: url) { proxy in
            let options =
                [
                    "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0",
                    "auto_explain.log_nested_statements=on", "auto_explain.log_level=notice",
                    "client_min_messages=notice",
                ] + options
            let encoded = options.map { "-c%20" + $0.replacing("=", with: "%3D") }.joined(separator: "%20")
            let proxied = try url.through(proxy).connectionString
            let configured = try #require(PostgresURL(proxied + "?options=" + encoded))
            let database = PostgresDatabase(PostgresConfiguration(url: configured), poolSize: 1)
            try await body(PostgresStore(database, limits: .patient))
            await database.close()
            // The texts of the notices in the server's responses.
            return proxy.answers.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                .filter { $0.hasPrefix("Mduration: ") }
        }
    }

    /// Makes two chats of a hundred messages; the second also has a long run of deleted ones.
    private func fillWithDeleted(
        _ database: DatabaseUnderTest,
        _ store: some ChatStore
    ) async throws -> (few: ChatID, many: ChatID) {
        let few = try await store.createChat(titled: ChatTitle("few")).id
        let many = try await store.createChat(titled: ChatTitle("many")).id
        for chat in [few, many] {
            try await database.fill(chat.rawValue, messages: 100)
        }
        try await database.fillDeleted(many.rawValue, messages: 300_000)
        // Deleting this message joins it to the run.
        let last = try await store.postMessage(MessageText("deleted"), to: many)
        try await store.delete(last.id, in: many)
        return (few, many)
    }

    private func readNewest(of chat: ChatID, from store: some ChatStore) async throws {
        let read = try await store.chat(chat, newestMessages: 20)
        #expect(read.messages.map(\.position.rawValue) == Array(81...100))
    }

    /// Makes two thousand chats, one of them with a long log, which is still a small part of all messages.
    private func fill(_ database: DatabaseUnderTest, _ store: some ChatStore, later: String) async throws {
        let chat = try await store.createChat(titled: ChatTitle("long")).id
        try await database.execute(
            """
            WITH RECURSIVE chat (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM chat WHERE number < 2000)
            INSERT INTO chats (title, created_at, last_entry_at, last_seq, message_count, last_message_at)
            SELECT 'chat ' || number, created_at, \(later), 60, 30, created_at FROM chat, chats WHERE id = 1;

            WITH RECURSIVE entry (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM entry WHERE number < 30)
            INSERT INTO messages
                (chat_id, seq, id, text, created_at, idempotency_key, idempotency_fingerprint)
            SELECT chats.id, number, chats.id * 1000000000 + number, 'filling', created_at, 'k' || number, 1
            FROM entry, chats WHERE chats.id > 1;

            INSERT INTO changes (chat_id, seq, kind, message_id, created_at)
            SELECT chat_id, seq + 30, 'message.updated', id, created_at FROM messages WHERE chat_id > 1;

            INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id)
            SELECT 'k' || id, 1, id FROM chats WHERE id > 1;

            INSERT INTO users (id, kind, created_at) SELECT 'user' || id, 'person', created_at FROM chats;

            WITH RECURSIVE entry (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM entry WHERE number < 20)
            INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq)
            SELECT chats.id, 'user' || number, CASE number WHEN 1 THEN 'owner' ELSE 'member' END, 1, 1
            FROM entry, chats;

            INSERT INTO departures (user_id, chat_id, activity) SELECT user_id, chat_id + 10000, 1 FROM members;
            """
        )
        try await database.fill(chat.rawValue, messages: 12_000)
        try await database.execute(
            """
            INSERT INTO changes (chat_id, seq, kind, message_id, created_at)
            SELECT chat_id, seq + 12000, 'message.updated', id, created_at FROM messages WHERE chat_id = 1;
            UPDATE chats SET last_seq = 24000 WHERE id = 1;
            """
        )
    }

    /// Runs every statement of a store, on the long log and on a short one.
    private func runEverything(on store: some ServiceStore & ChatArchive) async throws {
        let draft = ChatDraft(title: try ChatTitle("new"), idempotencyKey: IdempotencyKey("new"))
        let new = try await store.createChat(draft).value.id
        #expect(try await store.createChat(draft).isReplay)
        let long: ChatID = 1
        for chat in [long, 77] {
            let first = try #require(
                try await store.messages(.after(0, in: chat, limit: 1)).messages.first
            )
            let post = MessageDraft(
                text: try MessageText("new"),
                replyTo: first.id,
                idempotencyKey: IdempotencyKey("new")
            )
            let message = try await store.recordMessage(.post(post), in: chat).value
            #expect(try await store.recordMessage(.post(post), in: chat).isReplay)
            _ = try await store.edit(message.id, in: chat, text: "edited")
            try await store.delete(message.id, in: chat)
            let updated = try await store.updateChat(chat, ChatEdit(title: ChatTitle("renamed")))
            for limit in [1, 20, 100] {
                let query = LatestMessagesQuery(chatID: chat, limit: limit)
                _ = try await store.latestMessages(query)
                let end = LogEnd(epoch: try await store.epoch, position: updated.lastPosition, instant: .now())
                _ = try await store.latestMessages(LatestMessagesRequest(query, known: end))
                for position in [0, 5, 11_000, 23_990] as [Position] {
                    _ = try await store.messages(.before(position, in: chat, limit: limit))
                    _ = try await store.messages(.after(position, in: chat, limit: limit))
                    _ = try await store.messages(.around(position, in: chat, limit: limit))
                    _ = try await store.log(of: chat, after: position, limit: limit)
                }
                _ = try await store.messages(.newest(of: chat, limit: limit))
            }
            _ = try await store.chat(chat)
            _ = try await store.message(first.id, in: chat)
            try await changeMembers(of: chat, on: store)
            try await read(chat, first.id, by: .ungranted("user2"), from: store)
        }
        for limit in [1, 20, 100] {
            let start = try await store.chats(ChatListQuery(limit: limit))
            _ = try await store.chats(ChatListQuery(after: try #require(start.next), limit: limit))
            // Titles have no index: the list is scanned in its order until there are enough matches.
            _ = try await store.chats(ChatListQuery(limit: limit, titlePart: "chat 1"))
        }
        try await changeAccess(on: store)
        try await store.deleteChat(new)
        try await store.deleteChat(long)
        while try await store.purgeDeletedChats() {}
    }

    /// Runs the statements of changes by a member.
    private func changeMembers(of chat: ChatID, on store: some ServiceStore) async throws {
        try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 9, by: .ungranted("user2")))
        try await store.change(.add(try #require(MemberIDs(["new", "newer"])), as: .member), in: chat, by: "user1")
        let post = LogChange.post(MessageDraft(text: try MessageText("new")))
        _ = try await store.recordMessage(post, in: chat, by: .ungranted("new"))
        try await store.change(.setRole("new", .owner), in: chat, by: "user1")
        try await store.change(.remove("user1"), in: chat, by: "new")
        try await store.change(.setRole("user1", .owner), in: chat, by: "new")
        let draft = ChatDraft(title: try ChatTitle("new"), members: MemberIDs(["new"]))
        _ = try await store.createChat(draft, by: .ungranted("user1"))
    }

    /// Runs the statements of reads by a member.
    private func read(
        _ chat: ChatID,
        _ message: MessageID,
        by caller: Caller,
        from store: some ServiceStore
    ) async throws {
        _ = try await store.latestMessages(LatestMessagesQuery(chatID: chat, limit: 20), by: caller)
        _ = try await store.message(message, in: chat, by: caller)
        _ = try await store.messages(.newest(of: chat, limit: 20), by: caller)
        _ = try await store.log(of: chat, after: 5, limit: 20, by: caller)
        for user in [nil, "user12"] as [UserID?] {
            _ = try await store.members(of: chat, after: user, limit: 5, by: caller)
        }
        _ = try await store.membership(MemberReference(chatID: chat, userID: "user3"))
        for position in [nil, 7] as [Position?] {
            _ = try await store.readState(of: chat, by: caller, after: position)
        }
        #expect(try await store.unreadChatCount(of: "user2") > 1_900)
        for limit in [1, 20, 100] {
            let list = try await store.chats(ChatListQuery(limit: limit, reader: "user2"))
            #expect(limit == 1 || !list.readStates.isEmpty)
        }
        let index = try await store.inboxIndex(of: "user2", leftSince: 2)
        #expect(index.chats.count > 1_900)
        _ = try await store.inboxEntries(of: "user2", in: index.chats.prefix(100).map(\.chatID))
    }
}

extension StatementArguments {
    /// A value for each parameter; the plan does not depend on it.
    fileprivate static func nulls(for statement: Statement) -> StatementArguments {
        let count = Int(sqlite3_bind_parameter_count(statement.sqliteStatement))
        return StatementArguments(Array(repeating: nil as Int?, count: count))
    }
}

extension Database {
    /// The number of instructions that SQLite has run for this connection's cached statements since the last call.
    fileprivate func takeInstructionCount() -> Int {
        var count = 0
        var statement = sqlite3_next_stmt(sqliteConnection, nil)
        while let current = statement {
            count += Int(sqlite3_stmt_status(current, SQLITE_STMTSTATUS_VM_STEP, 1))
            statement = sqlite3_next_stmt(sqliteConnection, current)
        }
        return count
    }
}
