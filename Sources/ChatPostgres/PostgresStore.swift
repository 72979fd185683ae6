package import ChatDomain
import ChatMigrations
import PostgresClient

/// Chats and messages in PostgreSQL.
///
/// Changes of logs are made, and the ends of logs are read, in batches that form themselves. Some run side by side, each in
/// a lane; a chat's requests all take the same one, so that two lanes never wait for one chat's lock.
package struct PostgresStore: ChatStore {
    package let signals: LogSignals
    let database: PostgresDatabase
    private let recordLanes: [Batcher<LogRequest, Accepted<LogSubject>>]
    private let readLanes: [Batcher<LogTailRequest, LogTailAnswer>]

    /// The schema of the database must be current.
    ///
    /// - Parameters:
    ///   - lanes: How many batches of each kind run side by side, at least 1.
    ///   - limits: What each lane takes on.
    package init(_ database: PostgresDatabase, lanes: Int = 2, limits: BatchLimits = BatchLimits()) {
        let signals = LogSignals()
        self.signals = signals
        self.database = database
        recordLanes = (0..<lanes).map { _ in
            Batcher(limits) { requests throws(StoreError) in
                let batch = try await database.record(requests)
                signals.send(.appended(batch.entries))
                return batch.results
            }
        }
        readLanes = (0..<lanes).map { _ in
            Batcher(limits) { requests throws(StoreError) in try await database.fetch(requests) }
        }
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        let accepted = try await database.createChat(draft)
        if !accepted.isReplay {
            signals.send(.created(accepted.value.id))
        }
        return accepted
    }

    package func record(_ request: LogRequest) async throws(StoreError) -> Accepted<LogSubject> {
        try await recordLanes[lane(of: request.chatID)].submit(request)
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        try await database.deleteChat(id)
        signals.send(.deleted(id))
    }

    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await database.purgeDeletedChats()
    }

    package func chats(withIDs ids: [ChatID]) async throws(StoreError) -> [Chat] {
        try await database.fetchChats(withIDs: ids)
    }

    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        try await database.fetchChats(query)
    }

    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LogTailAnswer {
        try await readLanes[lane(of: request.tail.chatID)].submit(request, weight: request.weight)
    }

    package func message(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message {
        try await database.fetchMessage(id, in: chat)
    }

    package func messages(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage {
        try await database.fetchPage(query)
    }

    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> LogPage {
        try await database.fetchLog(of: chat, after: position, limit: limit)
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
            throw StoreError(error)
        } catch {
            throw .failed(reason: "\(error)")
        }
    }

    private func lane(of chat: ChatID) -> Int {
        Int(chat.rawValue.magnitude % UInt64(recordLanes.count))
    }
}
