import ChatDomain
import PostgresClient

extension PostgresDatabase {
    func fetchArchivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat] {
        try await read { connection throws(PostgresError) in
            try connection.fetchArchivedChats(after: id, limit: limit)
        }
    }

    func fetchArchivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry] {
        let entries = try await read { connection throws(PostgresError) in
            try connection.fetchArchivedEntries(of: chat, after: position, limit: limit)
        }
        guard let entries else { throw .chatNotFound }
        return entries
    }

    func fetchKnowledge(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.Knowledge {
        try await read { connection throws(PostgresError) in try connection.fetchKnowledge(of: stretches) }
    }

    func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) async throws(StoreError) -> ImportResult {
        try await reserveIDs(of: stretches)
        return try await write { connection throws(PostgresError) in
            do throws(PostgresError) {
                return try connection.importBatch(stretches, skipsConflicts: skipsConflicts)
            } catch .server(.uniqueViolation, let message) {
                // Another import was faster; the next look at the database finds what it has written.
                throw .server(.serializationFailure, message: message)
            }
        }
    }

    /// Moves the sequences beyond the ids of a batch, before it is written.
    private func reserveIDs(of stretches: [ArchivedStretch]) async throws(StoreError) {
        let ids = ImportedIDs(stretches)
        var attempt = 1
        while true {
            do throws(PostgresError) {
                return try await pool.withConnection { connection throws(PostgresError) in
                    try connection.reserve(ids)
                }
            } catch .server(.lockNotAvailable, _) where attempt < SequenceLock.maximumAttempts {
                attempt += 1
                try? await Task.sleep(for: SequenceLock.pause)
            } catch {
                throw StoreError(error)
            }
        }
    }
}

/// The lock of a sequence keeps others from drawing ids: it is asked for often, and never waited for long.
private enum SequenceLock {
    static let timeout = "100ms"
    static let pause = Duration.milliseconds(50)
    /// Half a minute, so that a session that holds on to an id delays an import, but not forever.
    static let maximumAttempts = 200
}

/// The ids that a batch brings.
private struct ImportedIDs {
    let chats: [Int64]
    let largestMessage: Int64

    init(_ stretches: [ArchivedStretch]) {
        chats = stretches.map(\.chat.id.rawValue)
        largestMessage =
            stretches.lazy.flatMap(\.entries).map { entry in
                if case .message(let message, _) = entry { message.id.rawValue } else { 0 }
            }.max() ?? 0
    }
}

extension PostgresConnection {
    fileprivate func fetchArchivedChats(after id: ChatID, limit: Int) throws(PostgresError) -> [ArchivedChat] {
        let result = try query(
            """
            SELECT \(Chat.columns), last_entry_at, idempotency_key, idempotency_fingerprint
            FROM chats LEFT JOIN chat_idempotency_keys ON chat_id = chats.id
            WHERE chats.id > $1 AND deleted_at IS NULL ORDER BY chats.id LIMIT $2
            """,
            [.int64(id.rawValue), .int64(Int64(limit))]
        )
        var chats: [ArchivedChat] = []
        for row in 0..<result.rowCount {
            let head = try result.head(row: row)
            let idempotency = try result.idempotency(columnsFrom: Chat.columnCount + 1, row: row)
            chats.append(ArchivedChat(head: head, idempotency: idempotency))
        }
        return chats
    }

    /// Nil if there is no such chat.
    fileprivate func fetchArchivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) throws(PostgresError) -> [ArchivedEntry]? {
        let stretch: [PostgresValue] = [.int64(chat.rawValue), .int64(position.rawValue), .int64(Int64(limit))]
        var isThere = false
        var messages: [ArchivedEntry] = []
        var changes: [ArchivedEntry] = []
        try readSnapshot([
            PostgresStatement("SELECT FROM chats WHERE id = $1 AND deleted_at IS NULL", [.int64(chat.rawValue)]),
            PostgresStatement(
                """
                SELECT \(Message.columns), idempotency_key, idempotency_fingerprint
                FROM messages WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                """,
                stretch
            ),
            PostgresStatement(
                """
                SELECT seq, kind, created_at, message_id
                FROM changes WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                """,
                stretch
            ),
        ]) { index, result throws(PostgresError) in
            switch index {
            case 0: isThere = result.rowCount > 0
            case 1: messages = try result.archivedMessages(of: chat)
            default: changes = try result.archivedChanges(of: chat)
            }
        }
        return isThere ? Array(merging: messages, changes, limit: limit) : nil
    }

    /// Makes sure that nobody will draw the ids of a batch or has drawn them without having committed.
    fileprivate func reserve(_ ids: ImportedIDs) throws(PostgresError) {
        let chats = try query(
            """
            SELECT sequence, coalesce(pg_sequence_last_value(sequence::regclass), 0),
                (SELECT count(*) FROM chats WHERE id = ANY ($1::bigint[]))
            FROM pg_get_serial_sequence('chats', 'id') AS sequence
            """,
            [.int64Array(ids.chats)]
        )
        let largestChat = ids.chats.max() ?? 0
        // A chat that is not there may be about to be created under an id that was drawn already. An entry cannot: whoever
        // draws its id has locked the chat.
        let allAreThere = try chats.int64(2, row: 0) == Int64(ids.chats.count)
        let lastChat = try chats.int64(1, row: 0)
        if !allAreThere || largestChat > lastChat {
            try advance(try chats.text(0, row: 0), to: largestChat)
        }
        let messages = try query(
            """
            SELECT sequence, coalesce(pg_sequence_last_value(sequence::regclass), 0)
            FROM pg_get_serial_sequence('messages', 'id') AS sequence
            """
        )
        if ids.largestMessage > (try messages.int64(1, row: 0)) {
            try advance(try messages.text(0, row: 0), to: ids.largestMessage)
        }
    }

    /// Moves a sequence, which never goes back.
    ///
    /// `ALTER SEQUENCE` waits for the transactions that have drawn an id and keeps others from drawing one until the commit.
    /// It locks no table, and so neither a vacuum nor a reader is in its way.
    ///
    /// - Parameter sequence: Its name, quoted for SQL.
    private func advance(_ sequence: String, to id: Int64) throws(PostgresError) {
        try transact([
            PostgresStatement("SET LOCAL lock_timeout = '\(SequenceLock.timeout)'"),
            PostgresStatement("ALTER SEQUENCE \(sequence) NO CYCLE"),
            PostgresStatement(
                """
                SELECT setval($1::text::regclass, $2)
                WHERE coalesce(pg_sequence_last_value($1::text::regclass), 0) < $2
                """,
                [.text(sequence), .int64(id)]
            ),
        ])
    }

    /// Locks the chats in the order of their ids, decides, writes and commits.
    fileprivate func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) throws(PostgresError) -> ImportResult {
        let plan = ImportPlan(stretches, knowing: try begin(stretches))
        guard plan.conflicts.isEmpty || skipsConflicts else {
            try rollBack()
            return ImportResult(added: ImportCount(), conflicts: plan.conflicts)
        }
        var statements: [PostgresStatement] = []
        if !plan.newChats.isEmpty {
            statements.append(.insert(plan.newChats))
            statements.append(.insertKeys(of: plan.newChats))
        }
        if !plan.messages.isEmpty { statements.append(.insert(plan.messages)) }
        if !plan.changes.isEmpty { statements.append(.insert(plan.changes)) }
        if !plan.editedMessages.isEmpty { statements.append(.update(plan.editedMessages)) }
        statements += plan.deletedMessages.map { .joinDeletedRun($0) }
        if !plan.movedHeads.isEmpty { statements.append(.moveHeads(plan.movedHeads)) }
        if !plan.editedChats.isEmpty {
            statements.append(.update(plan.editedChats.compactMap { plan.movedHeads[$0]?.chat }))
        }
        try commit(statements)
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }

    /// Opens the transaction and locks the chats.
    private func begin(_ stretches: [ArchivedStretch]) throws(PostgresError) -> ImportPlan.Knowledge {
        let chats = Set(stretches.map(\.chat.id))
        var knowledge = ImportPlan.Knowledge()
        try begin([.lockHeads(of: chats), .findRemoved(chats)]) { index, result throws(PostgresError) in
            try knowledge.addChats(result, ofStatement: index)
        }
        let needs = ImportPlan.Needs(stretches, knowing: knowledge.heads)
        if needs.isEmpty { return knowledge }
        try continueTransaction(.finding(needs)) { index, result throws(PostgresError) in
            try knowledge.addEntries(result, ofStatement: index)
        }
        return knowledge
    }

    fileprivate func fetchKnowledge(
        of stretches: [ArchivedStretch]
    ) throws(PostgresError) -> ImportPlan.Knowledge {
        let chats = Set(stretches.map(\.chat.id))
        var knowledge = ImportPlan.Knowledge()
        try readSnapshot([.fetchHeads(of: chats), .findRemoved(chats)]) { index, result throws(PostgresError) in
            try knowledge.addChats(result, ofStatement: index)
        }
        let needs = ImportPlan.Needs(stretches, knowing: knowledge.heads)
        if needs.isEmpty { return knowledge }
        try readSnapshot(.finding(needs)) { index, result throws(PostgresError) in
            try knowledge.addEntries(result, ofStatement: index)
        }
        return knowledge
    }
}

extension [PostgresStatement] {
    fileprivate static func finding(_ needs: ImportPlan.Needs) -> [PostgresStatement] {
        [.fetchMessages(needs.messages), .findKeys(needs.keys), .find(needs.changes)]
    }
}

extension ImportPlan.Knowledge {
    /// Takes what `fetchHeads` or `lockHeads`, and then `findRemoved`, have found.
    fileprivate mutating func addChats(
        _ result: borrowing PostgresResult,
        ofStatement index: Int
    ) throws(PostgresError) {
        if index == 0 {
            heads = try result.heads()
            return
        }
        for row in 0..<result.rowCount {
            removedChats.insert(ChatID(rawValue: try result.int64(0, row: row)))
        }
    }

    /// Takes what `fetchMessages`, `findKeys` and `find` have found.
    fileprivate mutating func addEntries(
        _ result: borrowing PostgresResult,
        ofStatement index: Int
    ) throws(PostgresError) {
        if index == 0 {
            messages = try result.messages()
            return
        }
        for row in 0..<result.rowCount {
            let chatID = ChatID(rawValue: try result.int64(0, row: row))
            if index == 1 {
                guard let key = IdempotencyKey(try result.text(1, row: row)) else {
                    throw .unexpectedResult("a stored idempotency key is none")
                }
                usedKeys.insert(LogPlan.SentKey(chatID: chatID, key: key))
            } else {
                let position = Position(rawValue: try result.int64(1, row: row))
                changes.insert(ImportPlan.Place(chatID: chatID, position: position))
            }
        }
    }
}

extension PostgresStatement {
    fileprivate static func fetchHeads(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT \(Chat.columns), last_entry_at FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL",
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    fileprivate static func findRemoved(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NOT NULL",
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    fileprivate static func findKeys(_ keys: Set<LogPlan.SentKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, idempotency_key
            FROM unnest($1::bigint[], $2::text[]) AS sent (chat_id, idempotency_key)
            JOIN messages USING (chat_id, idempotency_key)
            """,
            [.int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.key.value))]
        )
    }

    fileprivate static func insert(_ archived: [ArchivedChat]) -> PostgresStatement {
        let chats = archived.map(\.head.chat)
        return PostgresStatement(
            """
            INSERT INTO chats (id, title, metadata, created_at, last_entry_at)
            SELECT id, title, metadata, created_at, created_at
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
                AS chat (id, title, metadata, created_at)
            """,
            [
                .int64Array(chats.map(\.id.rawValue)),
                .textArray(chats.map(\.title)),
                .textArray(chats.map(\.metadata?.json)),
                .timestampArray(chats.map(\.createdAt.microsecondsSinceEpoch)),
            ]
        )
    }

    /// A key that has made another chat here stays with that one.
    fileprivate static func insertKeys(of chats: [ArchivedChat]) -> PostgresStatement {
        let chats = chats.filter { $0.idempotency != nil }
        return PostgresStatement(
            """
            INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
            ON CONFLICT (idempotency_key) DO NOTHING
            """,
            [
                .textArray(chats.map(\.idempotency?.key.value)),
                .int64Array(chats.map(\.idempotency?.fingerprint)),
                .int64Array(chats.map(\.id.rawValue)),
            ]
        )
    }

    fileprivate static func insert(
        _ messages: [(message: Message, idempotency: Idempotency?)]
    ) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages
                (chat_id, seq, id, text, created_at, metadata, reply_to, revision, edited_at, deleted_at,
                idempotency_key, idempotency_fingerprint)
            SELECT * FROM unnest(
                $1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[],
                $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::bigint[]
            )
            """,
            [
                .int64Array(messages.map(\.message.chatID.rawValue)),
                .int64Array(messages.map(\.message.position.rawValue)),
                .int64Array(messages.map(\.message.id.rawValue)),
                .textArray(messages.map(\.message.text)),
                .timestampArray(messages.map(\.message.createdAt.microsecondsSinceEpoch)),
                .textArray(messages.map(\.message.metadata?.json)),
                .int64Array(messages.map(\.message.replyTo?.rawValue)),
                .int64Array(messages.map(\.message.revision)),
                .timestampArray(messages.map(\.message.editedAt?.microsecondsSinceEpoch)),
                .timestampArray(messages.map(\.message.deletedAt?.microsecondsSinceEpoch)),
                .textArray(messages.map(\.idempotency?.key.value)),
                .int64Array(messages.map(\.idempotency?.fingerprint)),
            ]
        )
    }
}

extension PostgresResult {
    fileprivate borrowing func archivedMessages(of chat: ChatID) throws(PostgresError) -> [ArchivedEntry] {
        var messages: [ArchivedEntry] = []
        for row in 0..<rowCount {
            let idempotency = try idempotency(columnsFrom: Message.columnCount, row: row)
            messages.append(.message(try message(of: chat, row: row), idempotency))
        }
        return messages
    }

    fileprivate borrowing func archivedChanges(of chat: ChatID) throws(PostgresError) -> [ArchivedEntry] {
        var changes: [ArchivedEntry] = []
        for row in 0..<rowCount {
            guard let kind = LogEntry.Kind(rawValue: try text(1, row: row)) else {
                throw .unexpectedResult("chat \(chat.rawValue) has a change of no kind")
            }
            changes.append(
                .change(
                    LogPlan.Change(
                        chatID: chat,
                        position: Position(rawValue: try int64(0, row: row)),
                        kind: kind,
                        instant: try instant(2, row: row),
                        messageID: isNull(3, row: row) ? nil : MessageID(rawValue: try int64(3, row: row))
                    )
                )
            )
        }
        return changes
    }

    fileprivate borrowing func idempotency(columnsFrom first: Int, row: Int) throws(PostgresError) -> Idempotency? {
        if isNull(first, row: row) { return nil }
        guard let key = IdempotencyKey(try text(first, row: row)) else {
            throw .unexpectedResult("a stored idempotency key is none")
        }
        return Idempotency(key: key, fingerprint: try int64(first + 1, row: row))
    }
}
