package import ChatDomain
import ChatMigrations
import PostgresClient

/// Chats and messages in PostgreSQL.
///
/// Writes and reads of the newest messages form batches. Several batches run side by side, each in a lane; a chat's requests
/// all take the same lane, so that two lanes never wait for one chat's lock.
package struct PostgresStore: ChatStore {
    package let signals: LogSignals
    let database: PostgresDatabase
    private let writes: WriteShards
    private let reads: ReadShards
    private let searches: SearchQueue

    /// The schema of the database must be current.
    ///
    /// - Parameter limits: The limits of each lane.
    package init(_ database: PostgresDatabase, limits: BatchLimits = BatchLimits()) {
        let signals = LogSignals()
        self.signals = signals
        self.database = database
        let executors = database.writers.map(\.executor)
        writes = WriteShards(on: executors, limits, signals) { lane, requests throws(StoreError) in
            try await database.record(requests, lane: lane)
        }
        reads = ReadShards(on: executors.map { _ in nil }, limits) { requests throws(StoreError) in
            try await database.fetch(requests)
        }
        searches = SearchQueue(database.searchLimits) { query throws(StoreError) in
            try await database.search { connection throws(PostgresError) in try connection.fetchChats(query) }
        }
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        try await writes.createChat(draft)
    }

    package func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        try await writes.record(request)
    }

    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        try await writes.updateChat(id, edit, by: caller)
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        try await writes.deleteChat(id)
    }

    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await writes.purgeDeletedChats()
    }

    package func chats(withIDs ids: [ChatID]) async throws(StoreError) -> ChatSnapshot {
        try await database.read { connection throws(PostgresError) in try connection.fetchChats(withIDs: ids) }
    }

    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        if query.titlePart != nil { return try await searches.chats(query) }
        return try await database.read { connection throws(PostgresError) in try connection.fetchChats(query) }
    }

    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LatestMessages? {
        try await reads.tail(request)
    }

    package func message(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message {
        let message = try await readInChat { connection throws(PostgresError) in
            try connection.fetchMessage(id, in: chat)
        }
        guard let message, !message.isDeleted else { throw .messageNotFound }
        return message
    }

    package func messages(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage {
        try await readInChat { connection throws(PostgresError) in try connection.fetchPage(query) }
    }

    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> LogPage {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchLog(of: chat, after: position, limit: limit)
        }
    }

    package func checkReadiness() async throws(StoreError) {
        do {
            try await database.requireWritable()
            try await MigrationRunner(database).check()
            try await database.requireClock()
        } catch let error as StoreError {
            throw error
        } catch let error as MigrationError {
            throw .schemaMismatch(reason: error.description)
        } catch let error as PostgresError {
            throw StoreError(error).ofRead
        } catch {
            throw .failed(reason: "\(error)")
        }
    }
    /// Reads something in a chat; `body` returns nil if there is no such chat.
    func readInChat<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result?
    ) async throws(StoreError) -> Result {
        guard let result = try await database.read(body) else { throw .chatNotFound }
        return result
    }
}

extension PostgresDatabase {
    /// Reads the newest messages of any number of chats in one snapshot.
    fileprivate func fetch(
        _ requests: [LogTailRequest]
    ) async throws(StoreError) -> [Result<LatestMessages?, StoreError>] {
        // Many may ask for the same at the same time.
        let distinct = Array(Set(requests))
        let fetched = try await read { connection throws(PostgresError) in try connection.fetch(distinct) }
        let results = Dictionary(uniqueKeysWithValues: zip(distinct, fetched))
        return requests.map { results[$0] ?? .failure(.chatNotFound) }
    }
}
