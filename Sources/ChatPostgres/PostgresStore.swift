package import ChatDomain
import ChatMigrations
import PostgresClient

/// Chats and messages in PostgreSQL: one statement, and so one transaction and one round trip, for each intention.
package struct PostgresStore: ChatStore {
    private let database: PostgresDatabase

    /// The schema of the database must be current.
    package init(_ database: PostgresDatabase) {
        self.database = database
    }

    package func createChat(titled title: ChatTitle) async throws(StoreError) -> Chat {
        let now = Instant.now()
        return try await write { connection throws(PostgresError) in
            let result = try connection.query(
                "INSERT INTO chats (title, created_at, last_entry_at) VALUES ($1, $2, $2) RETURNING id",
                [.text(title.value), .instant(now)]
            )
            return Chat(id: ChatID(rawValue: try result.int64(0, row: 0)), title: title.value, createdAt: now)
        }
    }

    package func postMessage(_ text: MessageText, to chat: ChatID) async throws(StoreError) -> Message {
        let now = Instant.now()
        let message = try await write { connection throws(PostgresError) -> Message? in
            // The update locks the chat until the commit; the message's id is drawn behind it, and so both are in order.
            let result = try connection.query(
                """
                WITH chat AS (
                    UPDATE chats SET last_seq = last_seq + 1, last_entry_at = greatest(last_entry_at, $2)
                    WHERE id = $1 RETURNING id, last_seq, last_entry_at
                )
                INSERT INTO messages (chat_id, seq, text, created_at)
                SELECT id, last_seq, $3, last_entry_at FROM chat
                RETURNING seq, id, created_at
                """,
                [.int64(chat.rawValue), .instant(now), .text(text.value)]
            )
            guard result.rowCount > 0 else { return nil }
            return Message(
                id: MessageID(rawValue: try result.int64(1, row: 0)),
                chatID: chat,
                position: Position(rawValue: try result.int64(0, row: 0)),
                text: text.value,
                createdAt: try result.instant(2, row: 0)
            )
        }
        guard let message else { throw .chatNotFound }
        return message
    }

    package func chat(
        _ id: ChatID,
        newestMessages limit: Int
    ) async throws(StoreError) -> ChatWithMessages {
        let chat = try await read { connection throws(PostgresError) -> ChatWithMessages? in
            // One statement sees one snapshot.
            let result = try connection.query(
                """
                SELECT chats.title, chats.created_at, log.seq, log.id, log.text, log.created_at
                FROM chats
                LEFT JOIN LATERAL (
                    SELECT seq, id, text, created_at FROM messages
                    WHERE chat_id = chats.id ORDER BY seq DESC LIMIT $2
                ) AS log ON true
                WHERE chats.id = $1
                ORDER BY log.seq
                """,
                [.int64(id.rawValue), .int64(Int64(limit))]
            )
            guard result.rowCount > 0 else { return nil }
            let chat = Chat(id: id, title: try result.text(0, row: 0), createdAt: try result.instant(1, row: 0))
            var messages: [Message] = []
            messages.reserveCapacity(result.rowCount)
            for row in 0..<result.rowCount where !result.isNull(2, row: row) {
                messages.append(
                    Message(
                        id: MessageID(rawValue: try result.int64(3, row: row)),
                        chatID: id,
                        position: Position(rawValue: try result.int64(2, row: row)),
                        text: try result.text(4, row: row),
                        createdAt: try result.instant(5, row: row)
                    )
                )
            }
            return ChatWithMessages(chat: chat, messages: messages)
        }
        guard let chat else { throw .chatNotFound }
        return chat
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        let deleted = try await write { connection throws(PostgresError) in
            try connection.query("DELETE FROM chats WHERE id = $1", [.int64(id.rawValue)]).affectedRowCount
        }
        if deleted == 0 { throw .chatNotFound }
    }

    package func checkReadiness() async throws(StoreError) {
        do {
            try await MigrationRunner(database).check()
        } catch let error as MigrationError {
            throw .schemaMismatch(reason: error.description)
        } catch let error as PostgresError {
            throw StoreError(error)
        } catch {
            throw .failed(reason: "\(error)")
        }
    }

    private func write<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await database.pool.withConnection(body)
        } catch {
            throw StoreError(error)
        }
    }

    /// A read that was cut off has changed nothing in any case.
    private func read<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do throws(StoreError) {
            return try await write(body)
        } catch .outcomeUnknown(let reason) {
            throw .unavailable(reason: reason)
        }
    }
}

extension PostgresValue {
    fileprivate static func instant(_ instant: Instant) -> PostgresValue {
        .timestamp(microsecondsSinceEpoch: instant.microsecondsSinceEpoch)
    }
}

extension PostgresResult {
    fileprivate func instant(_ column: Int, row: Int) throws(PostgresError) -> Instant {
        Instant(microsecondsSinceEpoch: try microsecondsSinceEpoch(column, row: row))
    }
}
