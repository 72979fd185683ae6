package import ChatDomain
import ChatMigrations
import Executors
import GRDB

/// Chats and messages in SQLite: one connection writes, several read beside it.
///
/// Writes are made, and the ends of logs are read, in batches that form themselves, each lane of them on a thread of its own.
package struct SQLiteStore: ChatStore {
    package let signals: LogSignals
    let database: SQLiteDatabase
    private let writes: WriteShards
    private let reads: ReadShards
    private let searches: SearchQueue

    /// The schema of the database must be current.
    ///
    /// - Parameter limits: What each batcher takes on.
    package init(_ database: SQLiteDatabase, limits: BatchLimits = BatchLimits()) {
        let signals = LogSignals()
        self.signals = signals
        self.database = database
        writes = WriteShards(on: [ThreadExecutor()], limits, signals) { _, requests throws(StoreError) in
            try database.record(requests)
        }
        reads = ReadShards(on: (0..<database.readers).map { _ in ThreadExecutor() }, limits) {
            requests throws(StoreError) in
            try database.fetch(requests)
        }
        searches = SearchQueue(database.searchLimits) { query throws(StoreError) in
            try await database.search { try $0.fetchChats(query) }
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
        try await database.read { database in
            let heads = try ids.compactMap { try database.fetchHead(of: $0) }
            return ChatSnapshot(heads: heads, epoch: try database.fetchEpoch())
        }
    }

    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        if query.titlePart != nil { return try await searches.chats(query) }
        return try await database.read { try $0.fetchChats(query) }
    }

    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LatestMessages? {
        try await reads.tail(request)
    }

    package func message(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message {
        try await read(in: chat) { database, chat in
            guard let message = try database.fetchMessage(id, in: chat.id), !message.isDeleted else {
                throw StoreError.messageNotFound
            }
            return message
        }
    }

    package func messages(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage {
        try await read(in: query.chatID) { database, chat in try database.fetchPage(query, of: chat) }
    }

    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> LogPage {
        try await read(in: chat) { database, chat in try database.fetchLog(of: chat, after: position, limit: limit) }
    }

    package func checkReadiness() async throws(StoreError) {
        do {
            try await MigrationRunner(database).check()
        } catch let error as MigrationError {
            throw .schemaMismatch(reason: error.description)
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Reads a chat and whatever else in the same snapshot.
    func read<Result: Sendable>(
        in id: ChatID,
        _ body: @Sendable @escaping (Database, Chat) throws -> Result
    ) async throws(StoreError) -> Result {
        try await database.read { database in
            guard let chat = try database.fetchHead(of: id)?.chat else { throw StoreError.chatNotFound }
            return try body(database, chat)
        }
    }
}
