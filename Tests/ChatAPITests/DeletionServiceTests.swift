import ChatDomain
import ChatTestSupport
import Testing

/// The running server finishes deletions.
@Suite(.timeLimit(.minutes(5)))
struct DeletionServiceTests {
    private static let rowCount = """
        SELECT CAST((SELECT count(*) FROM chats) + (SELECT count(*) FROM messages) AS text)
        """

    /// Without deleted ones.
    private static let messageCount = "SELECT CAST(count(*) AS text) FROM messages WHERE deleted_at IS NULL"

    @Test(arguments: StoreUnderTest.allCases)
    func `a server purges the chats that were deleted through it`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("large")).id
            try await database.fill(chat.rawValue, messages: 25_000)
            try await withServer(store) { client in
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                #expect(try await client.send("GET", "/chats/1").status == 404)
                #expect(try await client.send("GET", "/chats/1/log").status == 404)
                #expect(try await client.send("GET", "/chats").json["chats"] == [])
                try await wait(for: "0", from: Self.rowCount, in: database)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a server finishes a purge that another one left unfinished`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            for id in 1...2 as ClosedRange<Int64> {
                _ = try await store.createChat(titled: ChatTitle("large"))
                try await database.fill(id, messages: 12_000)
                try await store.deleteChat(ChatID(rawValue: id))
            }
            #expect(try await store.purgeDeletedChats())
            #expect(try await database.rows(Self.rowCount) != [["0"]])
            try await withServer(store) { _ in try await wait(for: "0", from: Self.rowCount, in: database) }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a failed purge is retried without another deletion`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("large")).id
            try await database.fill(chat.rawValue, messages: 5_000)
            try await database.forbid("DELETE")
            try await withServer(store, deletionInterval: .milliseconds(20)) { client in
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                // This purge skips the chat while the server's purge has it locked.
                await #expect(throws: StoreError.self) { while true { _ = try await store.purgeDeletedChats() } }
                try await database.allow()
                try await wait(for: "0", from: Self.rowCount, in: database)
            }
        }
    }

    /// Posts messages by Ada and Bob in turn, starting with Ada.
    private func post(_ count: Int, to store: any ServiceStore) async throws {
        _ = try await store.createChat(titled: ChatTitle("chat"))
        for number in 1...count {
            let draft = MessageDraft(text: try MessageText("\(number)"))
            _ = try await store.recordMessage(.post(draft), in: 1, by: .user(number % 2 == 1 ? "ada" : "bob"))
        }
        for user in ["ada", "bob"] as [UserID] {
            _ = try await store.putUser(user, UserProfile())
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting a user with the messages turns these into tombstones`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            try await post(3, to: store)
            try await withServer(store) { client in
                try await client.withEvents("/chats/1/events?after=3") { stream in
                    _ = try await stream.events(through: "caught_up")
                    #expect(try await client.send("DELETE", "/users/ada?messages=erase").status == 204)
                    let tombstones = [1, 3].map { number in
                        #"""
                        "message":{"id":\#(number),"chat_id":1,"seq":\#(number),"author":"ada","created_at":"T",\#
                        "deleted_at":"T","text":""}
                        """#
                    }
                    var events: [String] = []
                    for _ in tombstones {
                        events.append(try #require(await stream.nextEvent()).data.withoutInstants)
                    }
                    for (position, event) in zip(4..., events) {
                        #expect(
                            tombstones.map { tombstone in
                                #"{"seq":\#(position),"type":"message.deleted","chat_id":1,"author":"ada","at":"T",\#(tombstone)}"#
                            }.contains(event)
                        )
                    }
                    #expect(Set(events).count == 2)
                }
                let messages = try await client.send("GET", "/chats/1/messages").json["messages"]?.elements
                #expect(messages?.map { $0["text"] } == ["", "2", ""])
                #expect(try await client.send("GET", "/chats/1").json["message_count"] == 1)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting a user leaves the messages by default`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store async throws in
            try await post(3, to: store)
            try await withServer(store) { client async throws in
                for path in ["/users/ada", "/users/bob?messages=keep"] {
                    #expect(try await client.send("DELETE", path).status == 204)
                }
            }
            #expect(try await !store.eraseMessages())
            #expect(try await store.chat(1, newestMessages: 10).messages.map(\.text) == ["1", "2", "3"])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a server finishes an erasure that another one left unfinished`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            try await post(500, to: store)
            try await store.deleteUser("ada", erasesMessages: true)
            #expect(try await store.eraseMessages())
            let remaining = try await database.rows(Self.messageCount)
            #expect(remaining != [["500"]] && remaining != [["250"]])
            try await withServer(store) { _ in try await wait(for: "250", from: Self.messageCount, in: database) }
            #expect(
                try await database.rows("SELECT DISTINCT author FROM messages WHERE deleted_at IS NULL") == [["bob"]]
            )
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a failed erasure is retried without another deletion`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            try await post(20, to: store)
            try await database.forbid("UPDATE")
            try await withServer(store, deletionInterval: .milliseconds(20)) { client in
                #expect(try await client.send("DELETE", "/users/ada?messages=erase").status == 204)
                await #expect(throws: StoreError.self) { while true { _ = try await store.eraseMessages() } }
                try await database.allow()
                try await wait(for: "10", from: Self.messageCount, in: database)
            }
        }
    }

    /// The service does not report when it is done, so this polls, up to the suite's time limit.
    private func wait(for count: String, from query: String, in database: DatabaseUnderTest) async throws {
        while try await database.rows(query) != [[count]] {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension DatabaseUnderTest {
    /// Makes all operations of a kind on messages fail.
    fileprivate func forbid(_ operation: String) async throws {
        switch self {
        case .sqlite:
            try await execute(
                "CREATE TRIGGER forbid BEFORE \(operation) ON messages BEGIN SELECT RAISE(ABORT, 'forbidden'); END"
            )
        case .postgresql:
            try await execute(
                """
                CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'forbidden'; END $$;
                CREATE TRIGGER forbid BEFORE \(operation) ON messages FOR EACH ROW EXECUTE FUNCTION forbid();
                """
            )
        }
    }

    fileprivate func allow() async throws {
        switch self {
        case .sqlite: try await execute("DROP TRIGGER forbid")
        case .postgresql: try await execute("DROP TRIGGER forbid ON messages")
        }
    }
}
