import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// Tables that are distributed over the nodes of a Citus cluster; `make test-citus` runs these tests, too.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct DistributionTests {
    @Test(.enabled(if: !TestPostgres.isCluster)) func `a database without Citus is not distributed`() async throws {
        try await TestPostgres.withDatabase { url in
            let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
            let distribution = try await database.distribution()
            #expect(distribution == nil)
            await database.close()
        }
    }

    @Test(.enabled(if: TestPostgres.isCluster), arguments: [false, true])
    func `a database keeps its chats, and may be migrated before or after`(_ isLate: Bool) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.connectNodes(of: url)
            let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
            let migrations = MigrationRunner(database)
            let tables = [
                "history", "webhooks", "chats", "messages", "changes", "members", "departures", "webhook_positions",
            ]
            if isLate {
                try await migrations.migrate(.up, to: .head)
            } else {
                try await migrations.migrate(.up, to: .revision("0001"))
                try await TestPostgres.execute(
                    """
                    INSERT INTO chats (id, title, created_at, last_entry_at) VALUES (900, 'early', now(), now());
                    """,
                    on: url
                )
                #expect(try await database.distribution()?.localTables.first == "history")
                try await database.distribute()
                #expect(try await database.distribution()?.localTables == [])
                try await migrations.migrate(.up, to: .head)
            }
            #expect(try await database.distribution()?.localTables.isEmpty == false)
            await database.close()
            var posted: [ChatID] = []
            if isLate {
                try await withPostgres(url) { store in
                    for number in 0..<5 {
                        let chat = try await store.createChat(titled: ChatTitle("chat \(number)")).id
                        _ = try await store.postMessage(MessageText("one"), to: chat)
                        posted.append(chat)
                    }
                }
            }
            let other = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
            try await other.distribute()
            try await MigrationRunner(other).check()
            let distribution = try #require(try await other.distribution())
            #expect(distribution.localTables == [] && distribution.nodeCount == 2)
            let local = try await TestPostgres.rows(
                "SELECT logicalrelid::text FROM pg_dist_partition ORDER BY logicalrelid::text",
                on: url
            )
            #expect(local.compactMap { $0[0] } == tables.sorted())
            await other.close()
            try await withPostgres(url) { store in
                for chat in posted {
                    _ = try await store.postMessage(MessageText("two"), to: chat)
                    let texts = try await store.chat(chat, newestMessages: 5).messages.map(\.text)
                    #expect(texts == ["one", "two"])
                }
                if !isLate {
                    #expect(try await store.chats(ChatListQuery(limit: 5)).chats.map(\.title) == ["early"])
                }
            }
        }
    }
}
