package import ChatDomain
import ChatMigrations
import Executors
import GRDB

/// Stores chats and messages in SQLite, with one writing connection and several reading ones.
///
/// Writes and reads of the latest messages run in batches, each shard on a thread of its own: one shard for writes, and
/// one per reading connection.
package struct SQLiteStore: ServiceStore {
    /// Only this process's changes: other processes on the same file send no signals.
    package let signals: LogSignals
    let database: SQLiteDatabase
    let writes: WriteShards
    private let reads: ReadShards
    private let searches: SearchQueue

    /// `sqlite`.
    package var kind: StoreKind { .sqlite }

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
    ///   - limits: The limits of each batcher.
    ///   - onBatch: Receives a report of every batch of writes; nil for none.
    package init(_ database: SQLiteDatabase, limits: BatchLimits = BatchLimits(), onBatch: BatchObserver? = nil) {
        let signals = LogSignals()
        self.signals = signals
        self.database = database
        writes = WriteShards(on: [ThreadExecutor()], limits, signals, onBatch: onBatch) {
            _,
            requests throws(StoreError) in
            try database.record(requests)
        }
        reads = ReadShards(on: (0..<database.readers).map { _ in ThreadExecutor() }, limits) {
            reads throws(StoreError) in
            try database.fetch(reads)
        }
        searches = SearchQueue(database.searchLimits) { query throws(StoreError) in
            try await database.search { try $0.fetchChats(query) }
        }
    }

    /// Shares one write shard with all other writes.
    package func createChat(_ draft: ChatDraft, by caller: Caller) async throws(StoreError) -> Accepted<Chat> {
        try await writes.createChat(draft, by: caller)
    }

    /// Answers once the batch is synced to disk.
    package func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        try await writes.record(request)
    }
    /// Answers once the batch is synced to disk.
    package func changeStream(_ request: StreamRequest) async throws(StoreError) -> Message {
        try await writes.changeStream(request)
    }

    /// Looks only at open messages, which have an index of their own.
    package func lapsedMessages(
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [BatchPlan.MessageReference] {
        try await database.read { try $0.fetchLapsedMessages(at: now, limit: limit) }
    }

    /// Uses the index of open messages.
    package func openMessages(of chats: [ChatID]) async throws(StoreError) -> [Message] {
        try await database.read { try $0.fetchOpenMessages(of: chats) }
    }

    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        try await writes.updateChat(id, edit, by: caller)
    }

    /// Schedules the write-ahead log to be emptied, so that deleted text leaves the disk.
    package func deleteChat(_ id: ChatID, by caller: Caller) async throws(StoreError) {
        try await writes.deleteChat(id, by: caller)
    }

    /// Takes up a whole batch, so other writes wait for one step at most.
    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await writes.purgeDeletedChats()
    }

    /// Reads all chats in one snapshot, in the order of `ids`.
    package func chats(
        withIDs ids: [ChatID],
        for action: ChatAction,
        by caller: Caller
    ) async throws(StoreError) -> ChatSnapshot {
        try await database.read { database in
            let heads = try ids.compactMap { try database.fetchHead(of: $0) }
            var memberships: [ChatID: ChatRole] = [:]
            for reference in heads.compactMap({ caller.membership(for: action, in: $0.chat.id) }) {
                memberships[reference.chatID] = try database.fetchMember(reference)?.currentRole
            }
            return ChatSnapshot(heads: heads, memberships: memberships, epoch: try database.fetchEpoch(), by: caller)
        }
    }

    /// Searches run one at a time on a connection of their own; plain lists share the readers.
    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        if query.titlePart != nil { return try await searches.chats(query) }
        return try await database.read { try $0.fetchChats(query) }
    }

    /// Blocks a thread of its shard, never Swift's cooperative pool.
    package func latestMessages(_ read: LatestMessagesRead) async throws(StoreError) -> LatestMessages? {
        try await reads.latestMessages(read)
    }

    /// Finds the message by its id and chat.
    package func message(_ id: MessageID, in chat: ChatID, by caller: Caller) async throws(StoreError) -> Message {
        try await read(in: chat, by: caller) { database, chat in
            guard let message = try database.fetchMessage(id, in: chat.id), !message.isDeleted else {
                throw StoreError.messageNotFound
            }
            return message
        }
    }

    /// Reads one message more than the limit on each side, to learn whether there are more.
    package func messages(_ query: MessagePageQuery, by caller: Caller) async throws(StoreError) -> MessagePage {
        try await read(in: query.chatID, by: caller) { database, chat in try database.fetchPage(query, of: chat) }
    }

    /// Reads messages and changes in one snapshot and merges them.
    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> LogPage {
        try await read(in: chat, by: caller) { database, chat in
            try database.fetchLog(of: chat, after: position, limit: limit)
        }
    }

    /// Uses a connection of its own, so a busy database does not delay it.
    package func checkReadiness() async throws(StoreError) {
        do {
            try await MigrationRunner(database).check()
        } catch let error as MigrationError {
            throw .schemaMismatch(reason: error.description)
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Reads a chat, and passes it to `body` in the same snapshot.
    ///
    /// - Throws: `StoreError.chatNotFound` if the chat does not exist or the caller may not read it.
    func read<Result: Sendable>(
        in id: ChatID,
        by caller: Caller,
        _ body: @Sendable @escaping (Database, Chat) throws -> Result
    ) async throws(StoreError) -> Result {
        try await database.read { database in
            guard let chat = try database.fetchHead(of: id)?.chat, try database.permitsReading(chat, by: caller) else {
                throw StoreError.chatNotFound
            }
            return try body(database, chat)
        }
    }
}
