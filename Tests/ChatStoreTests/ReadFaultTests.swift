import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import GRDB
import PostgresClient
import Testing

/// A failed read changes nothing, and its error says so.
@Suite(.timeLimit(.minutes(5)))
struct ReadFaultTests {
    @Test func `a disk error during a read makes SQLite unavailable`() async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
        try await MigrationRunner(database).migrate(.up, to: .head)
        let store = SQLiteStore(database, limits: .patient)
        _ = try await store.createChat(titled: ChatTitle("chat"))
        try await database.writer.writeWithoutTransaction { database in
            let fail = DatabaseFunction("fail", argumentCount: 0) { _ in
                throw DatabaseError(resultCode: .SQLITE_IOERR, message: "disk I/O error")
            }
            database.add(function: fail)
            // Every read looks up its chat, except the readiness check.
            try database.execute(
                sql: """
                    PRAGMA foreign_keys = OFF;
                    PRAGMA legacy_alter_table = ON;
                    ALTER TABLE chats RENAME TO stored_chats;
                    CREATE VIEW chats AS SELECT * FROM stored_chats WHERE fail();
                    """
            )
        }
        for read in Self.reads.dropLast() {
            let error = await #expect(throws: StoreError.self) { try await read(store) }
            #expect(error == .unavailable(reason: "SQLite: disk I/O error (10)"))
        }
        try database.close()
    }

    @Test(arguments: [true, false])
    func `a request after SQLite was closed fails`(_ inMemory: Bool) async throws {
        try await withTemporaryFolder { folder in
            let location = inMemory ? SQLiteConfiguration.Location.memory : .file(folder + "/chat.db")
            let database = try SQLiteDatabase(SQLiteConfiguration(location: location))
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database, limits: .patient)
            try database.close()
            let write: @Sendable (any ServiceStore & ChatArchive) async throws -> Void = {
                _ = try await $0.createChat(titled: ChatTitle("chat"))
            }
            for request in Self.reads + Self.readsOfUsers + [write] {
                let error = await #expect(throws: StoreError.self) { try await request(store) }
                guard case .unavailable = error else {
                    Issue.record("got \(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test func `a broken connection during a read makes PostgreSQL unavailable`() async throws {
        try await TestPostgres.withDatabase { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                try await withPostgres(url.through(proxy), poolSize: 1) { store in
                    _ = try await store.createChat(titled: ChatTitle("chat"))
                    for read in Self.reads + Self.readsOfUsers {
                        // Open the connection and prepare its statements.
                        try await read(store)
                        proxy.plan([.cutAfter])
                        let error = await #expect(throws: StoreError.self) { try await read(store) }
                        guard case .unavailable = error else {
                            Issue.record("got \(String(describing: error))")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test func `only a change that may have been made has an unknown outcome`() async throws {
        try await TestPostgres.withDatabase { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                try await withPostgres(url.through(proxy), poolSize: 1) { store in
                    // Open the connections and prepare their statements.
                    _ = try await store.standing(of: "ada", creatingWith: nil, .person)
                    _ = try await store.putUser("ada", UserProfile())
                    proxy.plan([.pass, .cutAfter])
                    let creation = await #expect(throws: StoreError.self) {
                        try await store.standing(of: "eve", creatingWith: nil, .person)
                    }
                    _ = try await store.putUser("ada", UserProfile())
                    proxy.plan([.cutAfter])
                    let reading = await #expect(throws: StoreError.self) {
                        try await store.putUser("ada", UserProfile())
                    }
                    for error in [creation, reading] {
                        guard case .unavailable = error else {
                            Issue.record("got \(String(describing: error))")
                            return
                        }
                    }
                    _ = try await store.putUser("ada", UserProfile())
                    proxy.plan([.pass, .cutAfter])
                    let change = await #expect(throws: StoreError.self) {
                        try await store.putUser("ada", UserProfile(isDeactivated: true))
                    }
                    guard case .outcomeUnknown = change else {
                        Issue.record("got \(String(describing: change))")
                        return
                    }
                }
            }
        }
    }

    private static let reads: [@Sendable (any ServiceStore & ChatArchive) async throws -> Void] = {
        let chat: ChatID = 1
        let start: Position = 0
        return [
            { _ = try await $0.chats(withIDs: [chat]) },
            { _ = try await $0.chats(ChatListQuery(limit: 1)) },
            { _ = try await $0.chats(ChatListQuery(limit: 1, titlePart: "chat")) },
            { _ = try await $0.latestMessages(LatestMessagesQuery(chatID: chat, limit: 1)) },
            { _ = try await $0.messages(.newest(of: chat, limit: 1)) },
            { _ = try await $0.log(of: chat, after: start, limit: 1) },
            { _ = try await $0.archivedChats(after: 0, limit: 1) },
            { _ = try await $0.archivedEntries(of: chat, after: start, limit: 1) },
            { try await $0.checkReadiness() },
        ]
    }()

    private static let readsOfUsers: [@Sendable (any ServiceStore & ChatArchive) async throws -> Void] = [
        { _ = try await $0.standing(of: "ada", creatingWith: nil, .person) },
        { _ = try await $0.users(withIDs: ["ada"]) },
        { _ = try await $0.accessChanges(after: 0) },
        { _ = try await $0.serverKeys() },
        { _ = try await $0.archivedUsers(after: nil, limit: 1) },
        { _ = try await $0.archivedReadMarkers(of: 1, after: nil, limit: 1) },
    ]
}
