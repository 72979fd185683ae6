package import ChatDomain
import ChatMigrations
import GRDB

/// Chats and messages in SQLite: one connection writes, several read beside it.
package struct SQLiteStore: ChatStore {
    private let database: SQLiteDatabase

    /// The schema of the database must be current.
    package init(_ database: SQLiteDatabase) {
        self.database = database
    }

    package func createChat(titled title: ChatTitle) async throws(StoreError) -> Chat {
        try await write { database in
            let now = Instant.now()
            let statement = try database.cachedStatement(
                sql: "INSERT INTO chats (title, created_at, last_entry_at) VALUES (?, ?, ?)"
            )
            try statement.execute(
                arguments: [title.value, now.microsecondsSinceEpoch, now.microsecondsSinceEpoch]
            )
            return Chat(id: ChatID(rawValue: database.lastInsertedRowID), title: title.value, createdAt: now)
        }
    }

    package func postMessage(_ text: MessageText, to chat: ChatID) async throws(StoreError) -> Message {
        try await write { database in
            let entry = try database.takeNextPosition(in: chat, at: .now())
            let id = try database.takeMessageID()
            let message = Message(
                id: id,
                chatID: chat,
                position: entry.position,
                text: text.value,
                createdAt: entry.instant
            )
            try database.insert(message)
            return message
        }
    }

    package func chat(
        _ id: ChatID,
        newestMessages limit: Int
    ) async throws(StoreError) -> ChatWithMessages {
        try await read { database in
            let chat = try database.fetchChat(id)
            let messages = try database.fetchNewestMessages(limit, of: id)
            return ChatWithMessages(chat: chat, messages: messages)
        }
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        try await write { database in
            try database.cachedStatement(sql: "DELETE FROM chats WHERE id = ?").execute(arguments: [id.rawValue])
            if database.changesCount == 0 {
                throw StoreError.chatNotFound
            }
        }
    }

    package func checkReadiness() async throws(StoreError) {
        do {
            try await MigrationRunner(database).check()
        } catch let error as MigrationError {
            throw .schemaMismatch(reason: error.description)
        } catch {
            throw StoreError(error)
        }
    }

    private func write<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        // Behind a lock of another process each write would wait its own time, one after the other.
        let deadline = ContinuousClock.now + database.busyTimeout + .seconds(1)
        do {
            return try await database.writer.writeWithoutTransaction { database in
                guard ContinuousClock.now <= deadline else {
                    throw StoreError.unavailable(reason: "SQLite: other writes took too long")
                }
                return try database.inImmediateTransaction { try body(database) }
            }
        } catch {
            throw StoreError(error)
        }
    }

    private func read<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await database.writer.read(body)
        } catch {
            throw StoreError(error)
        }
    }
}
