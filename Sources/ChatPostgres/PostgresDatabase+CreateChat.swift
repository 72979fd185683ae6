import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Creates a chat, unless one was created under the same key.
    func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        let now = clock.now()
        guard let idempotency = draft.idempotency else {
            let chat = try await write { connection throws(PostgresError) in try connection.createChat(draft, at: now) }
            return Accepted(chat)
        }
        let creation = try await retryingConflicts { connection throws(PostgresError) in
            try connection.createChat(draft, under: idempotency, at: now)
        }
        guard creation.fingerprint == idempotency.fingerprint else { throw .idempotencyKeyReused }
        return Accepted(creation.chat, isReplay: creation.isReplay)
    }
}

/// The chat that stands under a key.
private struct Creation {
    let chat: Chat
    let fingerprint: Int64
    let isReplay: Bool
}

extension PostgresConnection {
    fileprivate func createChat(_ draft: ChatDraft, at now: Instant) throws(PostgresError) -> Chat {
        let create = PostgresStatement(
            """
            INSERT INTO chats (title, metadata, created_at, last_entry_at) VALUES ($1, $2, $3, $3)
            RETURNING \(Chat.columns)
            """,
            [.text(draft.title.value), .text(draft.metadata?.json), .instant(now)]
        )
        var chat: Chat?
        try transact([create]) { _, result throws(PostgresError) in chat = try result.chat(row: 0) }
        guard let chat else { throw .unexpectedResult("a chat was created without a row") }
        return chat
    }

    /// - Throws: `SQLState.serializationFailure` where another session creates or deletes the key's chat at the same moment.
    fileprivate func createChat(
        _ draft: ChatDraft,
        under idempotency: Idempotency,
        at now: Instant
    ) throws(PostgresError) -> Creation {
        let create = PostgresStatement(
            """
            WITH chat AS (
                INSERT INTO chats (title, metadata, created_at, last_entry_at)
                SELECT $3, $4, $5, $5
                WHERE NOT EXISTS (SELECT FROM chat_idempotency_keys WHERE idempotency_key = $1)
                RETURNING id
            )
            INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id)
            SELECT $1, $2, id FROM chat
            """,
            [
                .text(idempotency.key.value), .int64(idempotency.fingerprint), .text(draft.title.value),
                .text(draft.metadata?.json), .instant(now),
            ]
        )
        let find = PostgresStatement(
            """
            SELECT \(Chat.columns), sent.idempotency_fingerprint
            FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
            WHERE sent.idempotency_key = $1
            """,
            [.text(idempotency.key.value)]
        )
        var isReplay = false
        var creation: Creation?
        do throws(PostgresError) {
            try transact([create, find]) { index, result throws(PostgresError) in
                if index == 0 {
                    isReplay = result.affectedRowCount == 0
                } else if result.rowCount > 0 {
                    creation = Creation(
                        chat: try result.chat(row: 0),
                        fingerprint: try result.int64(Chat.columnCount, row: 0),
                        isReplay: isReplay
                    )
                }
            }
        } catch .server(.uniqueViolation, let message) {
            throw .server(.serializationFailure, message: message)
        }
        guard let creation else {
            throw .server(.serializationFailure, message: "the chat of the key was deleted at this moment")
        }
        return creation
    }
}
