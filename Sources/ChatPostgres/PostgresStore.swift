package import ChatDomain
import ChatMigrations
import PostgresClient

/// Chats and messages in PostgreSQL.
///
/// Messages are appended, and the ends of logs are read, in batches that form themselves. Some run side by side, each in
/// a lane; a chat's requests all take the same one, so that two lanes never wait for one chat's lock.
package struct PostgresStore: ChatStore {
    private let database: PostgresDatabase
    private let appendLanes: [Batcher<MessageDraft, Accepted<Message>>]
    private let readLanes: [Batcher<LogTailRequest, LogTailAnswer>]

    /// The schema of the database must be current.
    ///
    /// - Parameters:
    ///   - lanes: How many batches of each kind run side by side, at least 1.
    ///   - limits: What each lane takes on.
    package init(_ database: PostgresDatabase, lanes: Int = 2, limits: BatchLimits = BatchLimits()) {
        self.database = database
        appendLanes = (0..<lanes).map { _ in
            Batcher(limits) { drafts throws(StoreError) in try await database.append(drafts) }
        }
        readLanes = (0..<lanes).map { _ in
            Batcher(limits) { requests throws(StoreError) in try await database.fetch(requests) }
        }
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        try await database.createChat(draft)
    }

    package func postMessage(_ draft: MessageDraft) async throws(StoreError) -> Accepted<Message> {
        try await appendLanes[lane(of: draft.chatID)].submit(draft)
    }

    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LogTailAnswer {
        try await readLanes[lane(of: request.tail.chatID)].submit(request)
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        let deleted = try await database.write { connection throws(PostgresError) in
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

    private func lane(of chat: ChatID) -> Int {
        Int(chat.rawValue.magnitude % UInt64(appendLanes.count))
    }
}
