import ChatDomain
import ChatTestSupport
import Testing

/// What posts cost the tables of PostgreSQL.
@Suite(.timeLimit(.minutes(5)))
struct PostgresUpdateTests {
    /// An index on what a post changes in its chat would grow with every post.
    @Test func postsLeaveTheIndexesOfChatsAlone() async throws {
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
            // A session reports its counts when it ends, at the latest.
            var counts: [Int] = []
            while counts.first != posts {
                counts = try await TestPostgres.rows(
                    "SELECT n_tup_upd::text, n_tup_hot_upd::text FROM pg_stat_user_tables WHERE relname = 'chats'",
                    on: url
                ).joined().compactMap { $0.flatMap { Int($0) } }
            }
            // The others are the ones with which a chat's minute changed.
            #expect(counts[1] >= posts * 9 / 10)
        }
    }
}
