package import ChatSQLite
import GRDB
package import PostgresClient

/// Direct access to a store's database, for tests that read or fill its tables.
package enum DatabaseUnderTest: Sendable {
    case sqlite(SQLiteDatabase)
    case postgresql(PostgresURL)

    /// Runs a script of one or more statements.
    package func execute(_ script: String) async throws {
        switch self {
        case .sqlite(let database): try await database.writer.write { try $0.execute(sql: script) }
        case .postgresql(let url): try await TestPostgres.execute(script, on: url)
        }
    }

    /// The rows of a query that returns only text columns.
    package func rows(_ query: String) async throws -> [[String?]] {
        switch self {
        case .sqlite(let database):
            try await database.writer.read { database in
                try Row.fetchAll(database, sql: query).map { row in (0..<row.count).map { row[$0] } }
            }
        case .postgresql(let url): try await TestPostgres.rows(query, on: url)
        }
    }

    /// A table expression with a column `number`, from 1.
    package func numbers(upTo count: Int) -> String {
        switch self {
        case .sqlite:
            """
            (
                WITH RECURSIVE entry (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM entry WHERE number < \(count))
                SELECT number FROM entry
            ) AS numbers
            """
        case .postgresql: "generate_series(1, \(count)) AS numbers (number)"
        }
    }

    /// Appends messages to a chat's log by SQL, which is faster than posting them.
    package func fill(_ chat: Int64, messages count: Int) async throws {
        try await execute(
            """
            INSERT INTO messages (chat_id, seq, id, text, created_at)
            SELECT chats.id, last_seq + number, chats.id * 1000000000 + last_seq + number, 'filling', last_entry_at
            FROM \(numbers(upTo: count)), chats WHERE chats.id = \(chat);
            UPDATE chats SET
                last_seq = last_seq + \(count), message_count = message_count + \(count), last_message_at = last_entry_at
            WHERE id = \(chat);
            """
        )
    }

    /// Appends one run of deleted messages to a chat's log by SQL.
    package func fillDeleted(_ chat: Int64, messages count: Int) async throws {
        try await execute(
            """
            INSERT INTO messages (chat_id, seq, id, text, created_at, deleted_at, run_seq)
            SELECT
                chats.id, last_seq + number, chats.id * 1000000000 + last_seq + number, '', last_entry_at, last_entry_at,
                CASE number WHEN \(count) THEN last_seq + 1 WHEN 1 THEN last_seq + \(count) END
            FROM \(numbers(upTo: count)), chats WHERE chats.id = \(chat);
            UPDATE chats SET last_seq = last_seq + \(count) WHERE id = \(chat);
            """
        )
    }
}
