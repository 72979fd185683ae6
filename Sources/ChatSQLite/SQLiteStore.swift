package import ChatDomain
import ChatMigrations
import GRDB

/// Chats and messages in SQLite: one connection writes, several read beside it.
///
/// Messages are appended, and the ends of logs are read, in batches that form themselves.
package struct SQLiteStore: ChatStore {
    private let database: SQLiteDatabase
    private let append: Batcher<MessageDraft, Accepted<Message>>
    private let readLanes: [Batcher<LogTailRequest, LogTailAnswer>]

    /// The schema of the database must be current.
    ///
    /// - Parameter limits: What each batcher takes on.
    package init(_ database: SQLiteDatabase, limits: BatchLimits = BatchLimits()) {
        self.database = database
        append = Batcher(limits) { drafts throws(StoreError) in
            try await database.write { try $0.append(drafts, at: .now()) }
        }
        readLanes = (0..<database.readers).map { _ in
            Batcher(limits) { requests throws(StoreError) in
                try await database.read { database in
                    try requests.map { request in
                        try database.fetch(request).map { .success($0) } ?? .failure(.chatNotFound)
                    }
                }
            }
        }
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        try await database.write { try $0.createChat(draft, at: .now()) }
    }

    package func postMessage(_ draft: MessageDraft) async throws(StoreError) -> Accepted<Message> {
        try await append.submit(draft)
    }

    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LogTailAnswer {
        let lane = Int(request.tail.chatID.rawValue.magnitude % UInt64(readLanes.count))
        return try await readLanes[lane].submit(request)
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        try await database.write { database in
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
}
