import ChatDomain
import ChatTestSupport
import Testing

/// The running server finishes deletions.
@Suite(.timeLimit(.minutes(5)))
struct DeletionServiceTests {
    private static let rowCount = """
        SELECT CAST((SELECT count(*) FROM chats) + (SELECT count(*) FROM messages) AS text)
        """

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
                try await waitUntilEmpty(database)
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
            try await withServer(store) { _ in try await waitUntilEmpty(database) }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a failed purge is retried without another deletion`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("large")).id
            try await database.fill(chat.rawValue, messages: 5_000)
            try await database.forbidDeletionsOfMessages()
            try await withServer(store, deletionInterval: .milliseconds(20)) { client in
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                // This purge skips the chat while the server's purge has it locked.
                await #expect(throws: StoreError.self) { while true { _ = try await store.purgeDeletedChats() } }
                try await database.allowDeletionsOfMessages()
                try await waitUntilEmpty(database)
            }
        }
    }

    /// The service does not report when it is done, so this polls, up to the suite's time limit.
    private func waitUntilEmpty(_ database: DatabaseUnderTest) async throws {
        while try await database.rows(Self.rowCount) != [["0"]] {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension DatabaseUnderTest {
    fileprivate func forbidDeletionsOfMessages() async throws {
        switch self {
        case .sqlite:
            try await execute(
                "CREATE TRIGGER forbid BEFORE DELETE ON messages BEGIN SELECT RAISE(ABORT, 'forbidden'); END"
            )
        case .postgresql:
            try await execute(
                """
                CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'forbidden'; END $$;
                CREATE TRIGGER forbid BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION forbid();
                """
            )
        }
    }

    fileprivate func allowDeletionsOfMessages() async throws {
        switch self {
        case .sqlite: try await execute("DROP TRIGGER forbid")
        case .postgresql: try await execute("DROP TRIGGER forbid ON messages")
        }
    }
}
