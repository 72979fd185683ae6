import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
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
            // The other posts changed the minute of the chat's last entry, which is indexed.
            #expect(try await hotUpdates(of: "chats", among: posts, on: url) >= posts * 9 / 10)
        }
    }

    /// A member who has the chat open moves the marker with every message.
    @Test func `moving read markers does not touch the indexes of members`() async throws {
        try await TestPostgres.withDatabase { url in
            let moves = 300
            try await withPostgres(url, poolSize: 1) { store in
                let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
                let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
                let post = LogChange.post(MessageDraft(text: try MessageText("message")))
                for number in 0..<moves / 2 {
                    let author: UserID = ["ada", "bob"][number % 2]
                    let reader: UserID = ["bob", "ada"][number % 2]
                    let message = try await store.recordMessage(post, in: chat, by: .ungranted(author)).value
                    let request = ReadMarkerRequest(chat, upTo: message.position, by: .ungranted(reader))
                    try await store.moveReadMarker(request)
                }
            }
            #expect(try await hotUpdates(of: "members", among: moves, on: url) >= moves * 9 / 10)
        }
    }

    /// The number of a table's updates that touched no index, once all of its updates are counted.
    private func hotUpdates(of table: String, among updates: Int, on url: PostgresURL) async throws -> Int {
        // A session may report its counts only when it ends.
        var counts: [Int] = []
        while counts.first != updates {
            counts = try await TestPostgres.rows(
                "SELECT n_tup_upd::text, n_tup_hot_upd::text FROM pg_stat_user_tables WHERE relname = '\(table)'",
                on: url
            ).joined().compactMap { $0.flatMap { Int($0) } }
        }
        return counts[1]
    }
}
