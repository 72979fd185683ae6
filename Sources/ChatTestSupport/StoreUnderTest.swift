package import ChatDomain
import ChatMigrations
package import ChatPostgres
package import ChatSQLite
package import PostgresClient

/// The kinds of store, which must all behave the same.
///
/// Run a test on each of them with `@Test(arguments: StoreUnderTest.allCases)`.
package enum StoreUnderTest: String, CaseIterable, Sendable {
    case sqliteInMemory
    case sqliteOnDisk
    case postgresql

    /// Runs `body` with a new, empty store whose schema is current.
    package func withStore<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (any ServiceStore & ChatArchive) async throws -> Result
    ) async throws -> Result {
        try await withStoreAndSQL { store, _ in try await body(store) }
    }

    /// The same, with direct access to the store's database.
    package func withStoreAndSQL<Result>(
        clock: ChatClock = ChatClock(),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (any ServiceStore & ChatArchive, DatabaseUnderTest) async throws -> Result
    ) async throws -> Result {
        switch self {
        case .sqliteInMemory:
            try await withSQLiteDatabase(.memory, clock: clock) { database in
                try await body(SQLiteStore(database, limits: .patient), .sqlite(database))
            }
        case .sqliteOnDisk:
            try await withTemporaryFolder { folder in
                try await withSQLiteDatabase(.file(folder + "/chat.db"), clock: clock) { database in
                    try await body(SQLiteStore(database, limits: .patient), .sqlite(database))
                }
            }
        case .postgresql:
            try await TestPostgres.withDatabase { url in
                try await withPostgres(url, clock: clock) { store in try await body(store, .postgresql(url)) }
            }
        }
    }
}

extension BatchLimits {
    /// A long queue timeout, for tests of something else on a slow machine.
    package static let patient = BatchLimits(queueTimeout: .seconds(60))
}

/// Runs `body` with a migrated SQLite store and closes it.
package func withSQLite<Result>(
    _ location: SQLiteConfiguration.Location,
    onBatch: BatchObserver? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (SQLiteStore) async throws -> Result
) async throws -> Result {
    try await withSQLiteDatabase(location) { database in
        try await body(SQLiteStore(database, limits: .patient, onBatch: onBatch))
    }
}

private func withSQLiteDatabase<Result>(
    _ location: SQLiteConfiguration.Location,
    clock: ChatClock = ChatClock(),
    isolation: isolated (any Actor)? = #isolation,
    _ body: (SQLiteDatabase) async throws -> Result
) async throws -> Result {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: location), clock: clock)
    try await MigrationRunner(database).migrate(.up, to: .head)
    let result = try await body(database)
    try database.close()
    return result
}

/// Runs `body` with a store on a migrated PostgreSQL database and closes it.
package func withPostgres<Result>(
    _ url: PostgresURL,
    poolSize: Int = 4,
    clock: ChatClock = ChatClock(),
    isolation: isolated (any Actor)? = #isolation,
    _ body: (PostgresStore) async throws -> Result
) async throws -> Result {
    let database = PostgresDatabase(
        PostgresConfiguration(url: url),
        clock: clock,
        poolSize: poolSize,
        leaseTimeout: BatchLimits.patient.queueTimeout
    )
    try await database.requireDurability()
    let result = try await body(PostgresStore(database, limits: .patient))
    await database.close()
    return result
}
