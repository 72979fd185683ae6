package import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// The server behind a database.
    package struct Server: Sendable {
        /// As the server names itself, such as `16.4`.
        package let version: String
        /// How many connections the server, the database and the role grant; nil behind a pooler, which shares them.
        package let connectionLimit: Int?
    }

    package func server() async throws(StoreError) -> Server {
        do {
            return try await prober.withConnection { connection throws(PostgresError) in
                let result = try connection.query(
                    """
                    SELECT
                        current_setting('server_version'),
                        least(
                            current_setting('max_connections')::bigint
                                - current_setting('superuser_reserved_connections')::bigint,
                            CASE WHEN datconnlimit >= 0 THEN datconnlimit END,
                            CASE WHEN rolconnlimit >= 0 THEN rolconnlimit END
                        )
                    FROM pg_database, pg_roles
                    WHERE datname = current_database() AND rolname = current_user
                    """
                )
                return Server(
                    version: try result.text(0, row: 0),
                    connectionLimit: connection.isPooled ? nil : Int(try result.int64(1, row: 0))
                )
            }
        } catch {
            throw StoreError(error).ofRead
        }
    }
}
