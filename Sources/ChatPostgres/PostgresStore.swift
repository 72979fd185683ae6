package import ChatDomain
import ChatMigrations
import PostgresClient

/// Stores chats and messages in PostgreSQL.
///
/// Writes, and reads of the latest messages, run in batches. Shards run batches in parallel; a chat's requests all go
/// to the same shard, so that two shards never wait for the same chat's lock.
package struct PostgresStore: ServiceStore {
    /// Carries this process's changes; `PostgresSignalExchange` adds those of other processes.
    package let signals: LogSignals
    let database: PostgresDatabase
    let writes: WriteShards
    private let reads: ReadShards
    private let searches: SearchQueue

    /// `postgresql`.
    package var kind: StoreKind { .postgresql }

    /// Over all write shards.
    package var writeLoad: WriteLoad { writes.load }

    /// The queues of reads, and what the database's connections do.
    package var databaseLoad: DatabaseLoad {
        var load = database.load
        load.waitingReads = reads.waitingCount
        load.waitingSearches = searches.waitingCount
        return load
    }

    /// Requires a database with the current schema.
    ///
    /// - Parameters:
    ///   - limits: The limits of each shard.
    ///   - onBatch: Receives a report of every batch of writes; nil for none.
    package init(_ database: PostgresDatabase, limits: BatchLimits = BatchLimits(), onBatch: BatchObserver? = nil) {
        let signals = LogSignals()
        self.signals = signals
        self.database = database
        let executors = database.writers.map(\.executor)
        writes = WriteShards(on: executors, limits, signals, onBatch: onBatch) { shard, requests throws(StoreError) in
            try await database.record(requests, shard: shard)
        }
        reads = ReadShards(on: executors.map { _ in nil }, limits) { reads throws(StoreError) in
            try await database.fetch(reads)
        }
        searches = SearchQueue(database.searchLimits) { query throws(StoreError) in
            try await database.search { connection throws(PostgresError) in try connection.fetchChats(query) }
        }
    }

    /// If processes create a chat under the same key at once, the loser is retried and returns the winner's chat.
    package func createChat(_ draft: ChatDraft, by caller: Caller) async throws(StoreError) -> Accepted<Chat> {
        try await writes.createChat(draft, by: caller)
    }

    /// If the connection breaks during COMMIT, the store checks whether the batch was committed before it answers.
    package func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        try await writes.record(request)
    }

    /// Shares batches with other writes of the chat.
    package func changeStream(_ request: StreamRequest) async throws(StoreError) -> Message {
        try await writes.changeStream(request)
    }

    /// Looks only at open messages, which have an index of their own.
    package func lapsedMessages(
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [BatchPlan.MessageReference] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchLapsedMessages(at: now, limit: limit)
        }
    }

    /// Uses the index of open messages.
    package func openMessages(of chats: [ChatID]) async throws(StoreError) -> [Message] {
        try await database.read { connection throws(PostgresError) in try connection.fetchOpenMessages(of: chats) }
    }

    /// Fails with `StoreError.unavailable` if another program holds the chat's lock for over a second.
    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        try await writes.updateChat(id, edit, by: caller)
    }

    /// If the connection breaks during COMMIT, the outcome may remain unknown, because nothing is left to check.
    package func deleteChat(_ id: ChatID, by caller: Caller) async throws(StoreError) {
        try await writes.deleteChat(id, by: caller)
    }

    /// Several processes may purge at once; each takes a different chat.
    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await writes.purgeDeletedChats()
    }

    /// Reads all chats and memberships in one statement, in no particular order.
    package func chats(
        withIDs ids: [ChatID],
        for action: ChatAction,
        by caller: Caller
    ) async throws(StoreError) -> ChatSnapshot {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchChats(withIDs: ids, for: action, by: caller)
        }
    }

    /// Searches run one at a time on a connection of their own; plain lists share the pool.
    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        if query.titlePart != nil { return try await searches.chats(query) }
        return try await database.read { connection throws(PostgresError) in try connection.fetchChats(query) }
    }

    /// Identical requests in a batch are read once.
    package func latestMessages(_ read: LatestMessagesRead) async throws(StoreError) -> LatestMessages? {
        try await reads.latestMessages(read)
    }

    /// Reads the message and checks the chat in one statement.
    package func message(_ id: MessageID, in chat: ChatID, by caller: Caller) async throws(StoreError) -> Message {
        let message = try await readInChat { connection throws(PostgresError) in
            try connection.fetchMessage(id, in: chat, by: caller)
        }
        guard let message, !message.isDeleted else { throw .messageNotFound }
        return message
    }

    /// Reads both sides of the page in one statement.
    package func messages(_ query: MessagePageQuery, by caller: Caller) async throws(StoreError) -> MessagePage {
        try await readInChat { connection throws(PostgresError) in try connection.fetchPage(query, by: caller) }
    }

    /// Reads messages and changes in one statement and merges them.
    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> LogPage {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchLog(of: chat, after: position, limit: limit, by: caller)
        }
    }

    /// Also checks that the server accepts writes and that its clock agrees with this machine's.
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

    /// Runs a read that returns nil if the chat does not exist or the caller may not read it.
    ///
    /// - Throws: `StoreError.chatNotFound` in that case.
    func readInChat<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result?
    ) async throws(StoreError) -> Result {
        guard let result = try await database.read(body) else { throw .chatNotFound }
        return result
    }
}

extension PostgresDatabase {
    /// Reads the latest messages of several chats.
    fileprivate func fetch(
        _ reads: [LatestMessagesRead]
    ) async throws(StoreError) -> [Result<LatestMessages?, StoreError>] {
        // Concurrent requests are often identical.
        let distinct = Array(Set(reads.map(\.request)))
        let memberships = Set(reads.compactMap(\.membership))
        let (fetched, roles) = try await read { connection throws(PostgresError) in
            try connection.fetch(distinct, memberships)
        }
        let results = Dictionary(uniqueKeysWithValues: zip(distinct, fetched))
        return reads.map { read in
            read.result(results[read.request] ?? .failure(.chatNotFound), role: read.membership.flatMap { roles[$0] })
        }
    }
}
