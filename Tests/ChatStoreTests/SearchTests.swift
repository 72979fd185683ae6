import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import PostgresClient
import Synchronization
import Testing

/// Title searches, which may have to scan every chat.
@Suite(.timeLimit(.minutes(5)))
struct SearchTests {
    private static let chatCount = 100_000

    private final class Count: Sendable {
        private let value = Atomic(0)

        func increment() {
            value.add(1, ordering: .sequentiallyConsistent)
        }

        var current: Int {
            value.load(ordering: .sequentiallyConsistent)
        }
    }

    /// A database in memory has a single connection, so it is not tested.
    @Test(arguments: [StoreUnderTest.sqliteOnDisk, .postgresql])
    func `no other request waits for a search`(_ store: StoreUnderTest) async throws {
        try await withManyChats(on: store, SearchLimits(timeout: .seconds(120))) { store in
            let chat = try await store.createChat(titled: ChatTitle("busy")).id
            let finished = Count()
            try await withThrowingTaskGroup { group in
                for number in 0..<32 {
                    group.addTask {
                        let query = ChatListQuery(limit: 1, titlePart: "is not there \(number)")
                        let list = try await store.chats(query)
                        #expect(list.chats == [])
                        finished.increment()
                    }
                }
                for number in 1...5 as ClosedRange<Int64> {
                    try await store.checkReadiness()
                    #expect(try await store.postMessage(MessageText("beside"), to: chat).position.rawValue == number)
                    #expect(try await store.chat(chat, newestMessages: 1).messages.count == 1)
                    #expect(try await store.chats(ChatListQuery(limit: 1)).chats.map(\.id) == [chat])
                }
                // Otherwise each of the twenty requests would have waited for a search to end.
                #expect(finished.current < 20)
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a search that takes too long times out`(_ store: StoreUnderTest) async throws {
        try await withManyChats(on: store, SearchLimits(timeout: .milliseconds(5))) { store in
            let query = ChatListQuery(limit: 1, titlePart: "is not there")
            for _ in 0..<3 {
                await #expect(throws: StoreError.searchTimedOut) { try await store.chats(query) }
                // A search leaves its connection unchanged for others.
                #expect(try await store.chats(ChatListQuery(limit: 1)).chats.count == 1)
                try await store.checkReadiness()
            }
        }
    }

    private func withManyChats(
        on store: StoreUnderTest,
        _ limits: SearchLimits,
        _ body: (any ChatStore) async throws -> Void
    ) async throws {
        switch store {
        case .sqliteInMemory: try await withSQLite(.memory, limits, body)
        case .sqliteOnDisk:
            try await withTemporaryFolder { folder in try await withSQLite(.file(folder + "/chat.db"), limits, body) }
        case .postgresql:
            try await TestPostgres.withDatabase { url in
                let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 4, searchLimits: limits)
                let store = PostgresStore(database, limits: .patient)
                try await fill(.postgresql(url))
                try await body(store)
                await database.close()
            }
        }
    }

    private func withSQLite(
        _ location: SQLiteConfiguration.Location,
        _ limits: SearchLimits,
        _ body: (any ChatStore) async throws -> Void
    ) async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: location, searchLimits: limits))
        try await MigrationRunner(database).migrate(.up, to: .head)
        try await fill(.sqlite(database))
        try await body(SQLiteStore(database, limits: .patient))
        try database.close()
    }

    private func fill(_ database: DatabaseUnderTest) async throws {
        let created = if case .sqlite = database { "number" } else { "to_timestamp(number)" }
        try await database.execute(
            """
            WITH RECURSIVE chat (number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM chat WHERE number < \(Self.chatCount)
            )
            INSERT INTO chats (title, created_at, last_entry_at)
            SELECT 'A chat with the number ' || number, \(created), \(created) FROM chat
            """
        )
    }
}
