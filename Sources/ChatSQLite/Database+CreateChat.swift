import ChatDomain
import GRDB

extension Database {
    /// Creates a chat, unless one was created under the same key; inside the transaction of its caller.
    func createChat(_ draft: ChatDraft, at now: Instant) throws -> Accepted<Chat> {
        guard let idempotency = draft.idempotency else {
            return Accepted(try insertChat(titled: draft.title, at: now))
        }
        if let earlier = try fetchChat(createdUnder: idempotency.key) {
            guard earlier.fingerprint == idempotency.fingerprint else { throw StoreError.idempotencyKeyReused }
            return Accepted(earlier.chat, isReplay: true)
        }
        let chat = try insertChat(titled: draft.title, at: now)
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id) VALUES (?, ?, ?)
                """
        ).execute(arguments: [idempotency.key.value, idempotency.fingerprint, chat.id.rawValue])
        return Accepted(chat)
    }

    private func insertChat(titled title: ChatTitle, at now: Instant) throws -> Chat {
        try cachedStatement(sql: "INSERT INTO chats (title, created_at, last_entry_at) VALUES (?, ?, ?)").execute(
            arguments: [title.value, now.microsecondsSinceEpoch, now.microsecondsSinceEpoch]
        )
        return Chat(id: ChatID(rawValue: lastInsertedRowID), title: title.value, createdAt: now)
    }

    private func fetchChat(createdUnder key: IdempotencyKey) throws -> (chat: Chat, fingerprint: Int64)? {
        let statement = try cachedStatement(
            sql: """
                SELECT chats.id, chats.title, chats.created_at, sent.idempotency_fingerprint
                FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
                WHERE sent.idempotency_key = ?
                """
        )
        return try Row.fetchOne(statement, arguments: [key.value]).map { row in
            let instant = Instant(microsecondsSinceEpoch: row[2])
            return (Chat(id: ChatID(rawValue: row[0]), title: row[1], createdAt: instant), row[3])
        }
    }
}
