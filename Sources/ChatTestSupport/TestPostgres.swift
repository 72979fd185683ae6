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
        let template = migrated ? try await migratedTemplate.value : "template0"
        let name = "test_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await create(name, from: "\(template) \(options)")
        do {
            let result = try await body(url(of: name))
            try await drop(name)
            return result
        } catch {
            try? await drop(name)
            throw error
        }
    }

    /// Whether the server is the coordinator of a Citus cluster, whose workers are at `TEST_CITUS_WORKERS`.
    package static var isCluster: Bool { !workers.isEmpty }

    private static let workers = (ProcessInfo.processInfo.environment["TEST_CITUS_WORKERS"] ?? "")
        .split(separator: " ").compactMap { PostgresURL(String($0)) }

    /// The server, and the workers.
    private static var nodes: [PostgresURL] {
        get throws { [try server] + workers }
    }

    /// Creates a database on each node.
    private static func create(_ name: String, from template: String) async throws {
        for node in try nodes {
            try await execute("CREATE DATABASE \(name) TEMPLATE \(template)", on: node)
        }
    }

    private static func drop(_ name: String) async throws {
        for node in try nodes {
            try await execute("DROP DATABASE \(name) WITH (FORCE)", on: node)
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

    /// The name of the migrated template, created once per process on first use; on a cluster, it is distributed.
    private static let migratedTemplate = Task {
        let name = "template_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await create(name, from: "template0")
        if isCluster { try await connectNodes(of: url(of: name)) }
        let database = PostgresDatabase(PostgresConfiguration(url: try url(of: name)), poolSize: 1)
        try await MigrationRunner(database).migrate(.up, to: .head)
        if isCluster { try await database.distribute() }
        await database.close()
        if isCluster { try await freeForCopying(name) }
        return name
    }

    /// Makes the databases of this name on all nodes the database of one cluster.
    package static func connectNodes(of url: PostgresURL) async throws {
        func place(_ url: PostgresURL) -> String { "'\(url.hosts[0].name)', \(url.hosts[0].port)" }
        for node in try nodes {
            var components = URLComponents(string: node.connectionString)
            components?.path = URLComponents(string: url.connectionString)?.path ?? ""
            guard let url = components?.string.flatMap(PostgresURL.init) else { throw Missing() }
            try await execute("CREATE EXTENSION citus", on: url)
        }
        try await execute("SELECT citus_set_coordinator_host(\(place(server)))", on: url)
        for worker in workers {
            try await execute("SELECT citus_add_node(\(place(worker)))", on: url)
        }
    }

    /// Ends Citus's own sessions with a database, and keeps it from opening others.
    private static func freeForCopying(_ name: String) async throws {
        for node in try nodes {
            try await execute("ALTER DATABASE \(name) ALLOW_CONNECTIONS false", on: node)
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'"
            try await execute(end, on: node)
        }
    }
}
