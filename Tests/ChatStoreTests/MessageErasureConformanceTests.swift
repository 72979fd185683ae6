import ChatDomain
import ChatPostgres
import ChatTestSupport
import Testing

/// Erasing the messages of deleted users.
@Suite(.timeLimit(.minutes(5)))
struct MessageErasureConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `only the deleted user's messages become tombstones`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chats = [try await createChat("one", in: store), try await createChat("other", in: store)]
            let gone = try await createChat("gone", in: store)
            for chat in chats + [gone] {
                for author in ["ada", "eve", nil, "ada"] as [UserID?] {
                    try await post(by: author, to: chat, in: store)
                }
            }
            try await store.deleteChat(gone)
            let deleted = try await store.message(2, in: chats[0])
            try await store.delete(deleted.id, in: chats[0], by: .user("eve"))
            try await store.deleteUser("ada", erasesMessages: true)
            // What a user posts after the deletion is not meant.
            let later = try await post(by: "ada", to: chats[0], in: store)
            while try await store.eraseMessages() {}

            for (chat, authors) in zip(chats, [[nil, "ada"], ["eve", nil]] as [[UserID?]]) {
                let read = try await store.chat(chat, newestMessages: 20)
                #expect(read.messages.map(\.author) == authors)
                #expect(read.chat.messageCount == 2)
                let log = try await store.log(of: chat, after: 0, limit: 100)
                let erasures = log.entries.filter { $0.kind == .messageDeleted && $0.author == "ada" }
                #expect(erasures.count == 2)
                #expect(log.entries.map(\.position.rawValue) == Array(1...log.lastPosition.rawValue))
            }
            #expect(try await store.message(later.id, in: chats[0]).text == "text")
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a step that is interrupted is repeated without further entries`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await createChat("chat", in: store)
            for author in ["eve", "ada", "ada"] as [UserID] {
                try await post(by: author, to: chat, in: store)
            }
            try await store.deleteUser("ada", erasesMessages: true)
            let queue = "SELECT CAST(erases_below AS text) FROM users WHERE id = 'ada'"
            let bound = try #require(try await database.rows(queue)[0][0])
            #expect(try await store.eraseMessages())
            #expect(try await database.rows(queue) == [[nil]])
            let end = try await store.chat(chat).lastPosition
            // As if the process had died before it took the user from the queue.
            try await database.execute("UPDATE users SET erases_below = \(bound) WHERE id = 'ada'")
            #expect(try await store.eraseMessages())
            #expect(try await store.eraseMessages() == false)
            #expect(try await store.chat(chat).lastPosition == end)
            #expect(try await store.chat(chat).messageCount == 1)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every step examines and erases a bounded number of messages`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await createChat("chat", in: store)
            let oldest = try await post(by: "ada", to: chat, in: store)
            try await database.fill(chat.rawValue, messages: 3 * MessageErasure.windowSize)
            try await database.execute(
                """
                UPDATE messages SET author = 'ada' WHERE seq > \(3 * MessageErasure.windowSize + 1 - 250);
                INSERT INTO users (id, kind, created_at) SELECT 'eve', 'person', created_at FROM chats;
                """
            )
            for user in ["ada", "eve"] as [UserID] {
                try await store.deleteUser(user, erasesMessages: true)
            }
            var counts: [Int64] = []
            while try await store.eraseMessages() {
                counts.append(try await store.chat(chat).messageCount)
            }
            let kept = Int64(3 * MessageErasure.windowSize - 250)
            // Three steps for the first window of one user and three for the other windows, then four for the other.
            #expect(counts == [kept + 151, kept + 51, kept + 1, kept + 1, kept + 1] + Array(repeating: kept, count: 5))
            await #expect(throws: StoreError.messageNotFound) { try await store.message(oldest.id, in: chat) }
        }
    }

    /// Chats of different services can share ids.
    @Test(arguments: StoreUnderTest.allCases)
    func `chats that share message ids lose all of the user's messages`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            for number in 1...3 {
                _ = try await createChat("\(number)", in: store)
            }
            try await database.execute(
                """
                INSERT INTO messages (chat_id, seq, id, author, text, created_at)
                SELECT chats.id, number, number, 'ada', 'text', last_entry_at
                FROM \(database.numbers(upTo: 700)), chats;
                UPDATE chats SET last_seq = 700, message_count = 700, last_message_at = last_entry_at;
                INSERT INTO users (id, kind, created_at) SELECT 'ada', 'person', created_at FROM chats WHERE id = 1;
                """
            )
            try await store.deleteUser("ada", erasesMessages: true)
            while try await store.eraseMessages() {}
            let chats = try await store.chats(ChatListQuery(limit: 10)).chats
            #expect(chats.map(\.messageCount) == [0, 0, 0])
            #expect(chats.map(\.lastPosition.rawValue) == [1_400, 1_400, 1_400])
        }
    }

    @Test func `two processes erase at once`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { one in
                try await withPostgres(url) { other in
                    let chat = try await createChat("chat", in: one)
                    for _ in 0..<30 {
                        try await post(by: "ada", to: chat, in: one)
                    }
                    try await one.deleteUser("ada", erasesMessages: true)
                    async let second: Void = { while try await other.eraseMessages() {} }()
                    while try await one.eraseMessages() {}
                    try await second
                    #expect(try await one.chat(chat).messageCount == 0)
                    #expect(try await one.chat(chat).lastPosition == 60)
                }
            }
        }
    }

    private func createChat(_ title: String, in store: some ChatStore) async throws -> ChatID {
        try await store.createChat(titled: ChatTitle(title)).id
    }

    /// Posts a message, and creates its author.
    @discardableResult
    private func post(by author: UserID?, to chat: ChatID, in store: some ServiceStore) async throws -> Message {
        if let author {
            _ = try await store.standing(of: author, creatingWith: nil, .person)
        }
        let caller = Caller(author: author, rights: .unrestricted)
        let draft = MessageDraft(text: try MessageText("text"))
        return try await store.recordMessage(.post(draft), in: chat, by: caller).value
    }
}
