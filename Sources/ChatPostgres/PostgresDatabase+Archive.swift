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

    func importBatch(_ stretches: [ArchivedStretch]) async throws(StoreError) -> Result<ImportCount, ImportConflict> {
        let largest = LargestIDs(of: stretches)
        return try await write { connection throws(PostgresError) in
            try connection.reserveIDs(upTo: largest)
            return try connection.importBatch(stretches)
        }
    }
}

/// The largest ids that a batch brings.
private struct LargestIDs {
    let chat: Int64
    let message: Int64

    init(of stretches: [ArchivedStretch]) {
        chat = stretches.map(\.chat.id.rawValue).max() ?? 0
        message =
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
            let head = LogHead(
                chat: try result.chat(row: row),
                instant: try result.instant(Chat.columnCount, row: row)
            )
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

    /// Moves the sequences beyond ids that are about to be imported.
    fileprivate func reserveIDs(upTo largest: LargestIDs) throws(PostgresError) {
        try reserve(
            largest.chat,
            find: "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('chats', 'id')::regclass), 0)",
            lock: "LOCK TABLE chats IN SHARE MODE",
            move: """
                SELECT setval(sequence, $1)
                FROM CAST(pg_get_serial_sequence('chats', 'id') AS regclass) AS sequence
                WHERE coalesce(pg_sequence_last_value(sequence), 0) < $1
                """
        )
        try reserve(
            largest.message,
            find: "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('messages', 'id')::regclass), 0)",
            lock: "LOCK TABLE messages IN SHARE MODE",
            move: """
                SELECT setval(sequence, $1)
                FROM CAST(pg_get_serial_sequence('messages', 'id') AS regclass) AS sequence
                WHERE coalesce(pg_sequence_last_value(sequence), 0) < $1
                """
        )
    }

    /// In a transaction of its own: whoever inserts draws an id, and waits for the lock before, so that nobody draws one
    /// between the look at the sequence and its move.
    private func reserve(_ id: Int64, find: String, lock: String, move: String) throws(PostgresError) {
        if id <= (try query(find).int64(0, row: 0)) { return }
        try transact([PostgresStatement(lock), PostgresStatement(move, [.int64(id)])])
    }

    /// Locks the chats in the order of their ids, decides, writes and commits.
    fileprivate func importBatch(
        _ stretches: [ArchivedStretch]
    ) throws(PostgresError) -> Result<ImportCount, ImportConflict> {
        let knowledge = try begin(stretches)
        let plan: ImportPlan
        do throws(ImportConflict) {
            plan = try ImportPlan(stretches, knowing: knowledge)
        } catch {
            try rollBack()
            return .failure(error)
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
        return .success(plan.count)
    }

    private func begin(_ stretches: [ArchivedStretch]) throws(PostgresError) -> ImportPlan.Knowledge {
        let chats = Set(stretches.map(\.chat.id))
        var knowledge = ImportPlan.Knowledge()
        try begin([
            .lockHeads(of: chats),
            PostgresStatement(
                "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NOT NULL",
                [.int64Array(chats.map(\.rawValue))]
            ),
        ]) { index, result throws(PostgresError) in
            if index == 0 {
                knowledge.heads = try result.heads()
            } else {
                for row in 0..<result.rowCount {
                    knowledge.removedChats.insert(ChatID(rawValue: try result.int64(0, row: row)))
                }
            }
        }
        let needs = ImportPlan.Needs(stretches, knowing: knowledge.heads)
        if needs.isEmpty { return knowledge }
        try continueTransaction([.fetchMessages(needs.messages), .find(needs.changes)]) {
            index,
            result throws(PostgresError) in
            if index == 0 {
                knowledge.messages = try result.messages()
                return
            }
            for row in 0..<result.rowCount {
                let chatID = ChatID(rawValue: try result.int64(0, row: row))
                let position = Position(rawValue: try result.int64(1, row: row))
                knowledge.changes.insert(ImportPlan.Place(chatID: chatID, position: position))
            }
        }
        return knowledge
    }
}

extension PostgresStatement {
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
