import ChatMigrations
import ChatPostgres
import Foundation
package import PostgresClient

/// Creates a database for each test on the PostgreSQL server at `TEST_DATABASE_URL`.
///
/// `Scripts/with-postgres` starts that server. The properties about its setup are nil if you use another server.
package enum TestPostgres {
    /// Runs `body` with the URL of a new database, then drops it.
    ///
    /// - Parameters:
    ///   - migrated: Whether the schema is current, cloned from a template that is migrated once per process.
    ///   - options: More options for `CREATE DATABASE`.
    package static func withDatabase<Result>(
        migrated: Bool = true,
        options: String = "",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PostgresURL) async throws -> Result
    ) async throws -> Result {
        let server = try server
        let template = migrated ? try await migratedTemplate.value : "template0"
        let name = "test_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await execute("CREATE DATABASE \(name) TEMPLATE \(template) \(options)", on: server)
        do {
            let result = try await body(url(of: name))
            try await execute("DROP DATABASE \(name) WITH (FORCE)", on: server)
            return result
        } catch {
            try? await execute("DROP DATABASE \(name) WITH (FORCE)", on: server)
            throw error
        }
    }

    /// The certificate files of the authority that signed the server's certificate, and of another authority.
    package static let authorities: (own: String, other: String)? = {
        let environment = ProcessInfo.processInfo.environment
        guard let own = environment["TEST_POSTGRES_CA"], let other = environment["TEST_POSTGRES_OTHER_CA"] else {
            return nil
        }
        return (own, other)
    }()

    /// The name and password of a superuser who needs a password, in the form `name:password` for a URL.
    package static let login = ProcessInfo.processInfo.environment["TEST_POSTGRES_LOGIN"]

    /// The port of a second server, with read-only sessions and `fsync` off.
    package static let readOnlyPort = ProcessInfo.processInfo.environment["TEST_POSTGRES_READ_ONLY_PORT"]

    /// PgBouncer's pool modes.
    package enum PoolerMode: String, CaseIterable, Sendable {
        case session, transaction, statement
    }

    /// The URL of the same database through PgBouncer; nil if PgBouncer is not installed.
    package static func pooled(_ url: PostgresURL, _ mode: PoolerMode) -> PostgresURL? {
        let variable = "TEST_PGBOUNCER_\(mode.rawValue.uppercased())_PORT"
        guard let port = ProcessInfo.processInfo.environment[variable].flatMap(Int.init),
            var components = URLComponents(string: url.connectionString)
        else { return nil }
        components.port = port
        return components.string.flatMap(PostgresURL.init)
    }

    /// Whether PgBouncer is installed and running.
    package static let hasPoolers = ProcessInfo.processInfo.environment["TEST_PGBOUNCER_SESSION_PORT"] != nil

    /// Runs a script on a new connection.
    package static func execute(_ script: String, on url: PostgresURL) async throws {
        let connection = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
        try await connection.open()
        try await connection.execute(script)
        await connection.close()
    }

    /// The rows of a query that returns only text columns, on a new connection.
    package static func rows(_ query: String, on url: PostgresURL) async throws -> [[String?]] {
        let connection = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
        try await connection.open()
        let rows = try await connection.run { connection throws(PostgresError) in
            let result = try connection.query(query)
            var rows: [[String?]] = []
            for row in 0..<result.rowCount {
                var columns: [String?] = []
                for column in 0..<result.columnCount {
                    columns.append(result.isNull(column, row: row) ? nil : try result.text(column, row: row))
                }
                rows.append(columns)
            }
            return rows
        }
        await connection.close()
        return rows
    }

    /// The URL in `TEST_DATABASE_URL`.
    package static var server: PostgresURL {
        get throws { try url(of: nil) }
    }

    private struct Missing: Error, CustomStringConvertible {
        let description = "TEST_DATABASE_URL is not a PostgreSQL URL: run the tests with Scripts/with-postgres"
    }

    /// The server's URL with another database.
    private static func url(of database: String?) throws -> PostgresURL {
        guard let text = ProcessInfo.processInfo.environment["TEST_DATABASE_URL"],
            var components = URLComponents(string: text)
        else { throw Missing() }
        if let database {
            components.path = "/" + database
        }
        guard let url = components.string.flatMap(PostgresURL.init) else { throw Missing() }
        return url
    }

    /// The name of the migrated template, created once per process on first use.
    private static let migratedTemplate = Task {
        let name = "template_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await execute("CREATE DATABASE \(name) TEMPLATE template0", on: server)
        let database = PostgresDatabase(PostgresConfiguration(url: try url(of: name)), poolSize: 1)
        try await MigrationRunner(database).migrate(.up, to: .head)
        await database.close()
        return name
    }
}
