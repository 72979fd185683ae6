import ChatDomain
import GRDB

extension Database {
    /// Creates a chat, unless one was created under the same key; inside the transaction of its caller.
    func createChat(_ draft: ChatDraft, at now: Instant) throws -> Accepted<Chat> {
        guard let idempotency = draft.idempotency else {
            return Accepted(try insertChat(draft, at: now))
        }
        if let earlier = try fetchChat(createdUnder: idempotency.key) {
            guard earlier.fingerprint == idempotency.fingerprint else { throw StoreError.idempotencyKeyReused }
            return Accepted(earlier.chat, isReplay: true)
        }
        let chat = try insertChat(draft, at: now)
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id) VALUES (?, ?, ?)
                """
        ).execute(arguments: [idempotency.key.value, idempotency.fingerprint, chat.id.rawValue])
        return Accepted(chat)
    }

    private func insertChat(_ draft: ChatDraft, at now: Instant) throws -> Chat {
        let statement = try cachedStatement(
            sql: "INSERT INTO chats (title, metadata, created_at, last_entry_at) VALUES (?, ?, ?, ?)"
        )
        let instant = now.microsecondsSinceEpoch
        try statement.execute(arguments: [draft.title.value, draft.metadata?.json, instant, instant])
        return Chat(
            id: ChatID(rawValue: lastInsertedRowID),
            title: draft.title.value,
            metadata: draft.metadata,
            createdAt: now
        )
    }

    private func fetchChat(createdUnder key: IdempotencyKey) throws -> (chat: Chat, fingerprint: Int64)? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(Chat.columns), sent.idempotency_fingerprint
                FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
                WHERE sent.idempotency_key = ?
                """
        )
        return try Row.fetchOne(statement, arguments: [key.value]).map { row in (Chat(row), row[7]) }
    }
}
