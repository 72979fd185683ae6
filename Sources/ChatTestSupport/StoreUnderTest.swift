package import ChatDomain
import ChatMigrations
package import ChatSQLite

/// The stores that must behave alike.
///
/// A suite runs on all of them with `@Test(arguments: StoreUnderTest.allCases)`.
package enum StoreUnderTest: String, CaseIterable, Sendable {
    case sqliteInMemory
    case sqliteOnDisk

    /// Runs `body` with a store of its own whose schema is current and that holds nothing.
    package func withStore<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (any ChatStore) async throws -> Result
    ) async throws -> Result {
        switch self {
        case .sqliteInMemory:
            try await withSQLite(.memory, body)
        case .sqliteOnDisk:
            try await withTemporaryFolder { folder in
                try await withSQLite(.file(folder + "/chat.db"), body)
            }
        }
    }
}

/// Runs `body` with a migrated SQLite store and closes it.
package func withSQLite<Result>(
    _ location: SQLiteConfiguration.Location,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (SQLiteStore) async throws -> Result
) async throws -> Result {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: location))
    try await MigrationRunner(database).migrate(.up, to: .head)
    let result = try await body(SQLiteStore(database))
    try database.close()
    return result
}
