import ChatDomain
import ChatTestSupport
import Testing

/// How much posts write to PostgreSQL's tables.
@Suite(.timeLimit(.minutes(5)))
struct PostgresUpdateTests {
    /// An index on a column that posts update would grow with every post.
    @Test func `posting does not touch the indexes of chats`() async throws {
        try await TestPostgres.withDatabase { url in
            let posts = 300
            try await withPostgres(url, poolSize: 1) { store in
                let chats = try await [
                    store.createChat(titled: ChatTitle("one")), store.createChat(titled: ChatTitle("two")),
                ]
                for number in 0..<posts {
                    _ = try await store.postMessage(MessageText("message"), to: chats[number % 2].id)
                }
            }
            // A session may report its counts only when it ends.
            var counts: [Int] = []
            while counts.first != posts {
                counts = try await TestPostgres.rows(
                    "SELECT n_tup_upd::text, n_tup_hot_upd::text FROM pg_stat_user_tables WHERE relname = 'chats'",
                    on: url
                ).joined().compactMap { $0.flatMap { Int($0) } }
            }
            // The other posts changed the minute of the chat's last entry, which is indexed.
            #expect(counts[1] >= posts * 9 / 10)
        }
    }
}
