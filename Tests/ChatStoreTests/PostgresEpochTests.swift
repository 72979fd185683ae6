import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// A session that finds the history in another database.
@Suite(.timeLimit(.minutes(5)))
struct PostgresEpochTests {
    @Test func `a history that moves to another database gets another epoch`() async throws {
        try await TestPostgres.withDatabase { url in
            let first = try await withPostgres(url) { try await $0.epoch }
            #expect(try await withPostgres(url) { try await $0.epoch } == first)
            // As after restoring a dump, or after a failover to a standby.
            for incarnation in ["00000001/1", "00000000/2"] {
                let before = try await withPostgres(url) { try await $0.epoch }
                try await TestPostgres.execute("UPDATE history SET incarnation = '\(incarnation)'", on: url)
                let after = try await withPostgres(url) { try await $0.epoch }
                #expect(after != before)
                #expect(try await withPostgres(url) { try await $0.epoch } == after)
            }
        }
    }

    @Test func `servers that notice the move together agree on one epoch`() async throws {
        try await TestPostgres.withDatabase { url in
            let old = try await withPostgres(url) { try await $0.epoch }
            try await TestPostgres.execute("UPDATE history SET incarnation = 'other'", on: url)
            let epochs = try await withThrowingTaskGroup(of: Epoch.self) { group in
                for _ in 0..<12 {
                    group.addTask { try await withPostgres(url) { try await $0.epoch } }
                }
                return try await group.reduce(into: Set<Epoch>()) { $0.insert($1) }
            }
            #expect(epochs.count == 1)
            #expect(!epochs.contains(old))
        }
    }

    /// Managed servers may hide the timeline; then only the database's own identity is compared.
    @Test func `a hidden timeline does not change the epoch`() async throws {
        try await TestPostgres.withDatabase { url in
            let first = try await withPostgres(url) { try await $0.epoch }
            let incarnation = try await TestPostgres.rows("SELECT incarnation FROM history", on: url)
            let database = try await TestPostgres.rows("SELECT current_database()::text", on: url)[0][0] ?? ""
            // Shadows the system's function of this name.
            try await TestPostgres.execute(
                """
                CREATE FUNCTION public.pg_walfile_name(pg_lsn) RETURNS text LANGUAGE plpgsql
                    AS 'BEGIN RAISE insufficient_privilege; END';
                ALTER DATABASE \(database) SET search_path = public, pg_catalog
                """,
                on: url
            )
            #expect(try await withPostgres(url) { try await $0.epoch } == first)
            #expect(try await TestPostgres.rows("SELECT incarnation FROM history", on: url) == incarnation)
        }
    }
}
