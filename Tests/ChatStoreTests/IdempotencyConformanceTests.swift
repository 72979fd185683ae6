import ChatDomain
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import Testing

/// What every store must do with a retry.
@Suite(.timeLimit(.minutes(5)))
struct IdempotencyConformanceTests {
    private func draft(_ text: String, key: String) throws -> LogChange {
        .post(MessageDraft(text: try MessageText(text), idempotencyKey: IdempotencyKey(key)))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message that is sent twice is stored once`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let other = try await store.createChat(titled: ChatTitle("other")).id
            let first = try await store.recordMessage(draft("hello", key: "k"), in: chat)
            #expect(!first.isReplay)
            let again = try await store.recordMessage(draft("hello", key: "k"), in: chat)
            #expect(again == Accepted(first.value, isReplay: true))
            await #expect(throws: StoreError.idempotencyKeyReused) {
                try await store.recordMessage(draft("hullo", key: "k"), in: chat)
            }
            // Another chat has its own keys.
            let elsewhere = try await store.recordMessage(draft("hullo", key: "k"), in: other)
            #expect(!elsewhere.isReplay)
            #expect(try await store.chat(chat, newestMessages: 20).messages == [first.value])
            let next = try await store.postMessage(MessageText("hello"), to: chat)
            #expect(next.position == 2)
            #expect(next.id == 3)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message keeps its key, through edits, its deletion and an import`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let keyless = try await store.postMessage(MessageText("hello"), to: chat)
            #expect(keyless.idempotencyKey == nil)
            let posted = try await store.recordMessage(draft("hello", key: "k"), in: chat).value
            #expect(posted.idempotencyKey == IdempotencyKey("k"))
            let again = try await store.recordMessage(draft("hello", key: "k"), in: chat).value
            #expect(again.idempotencyKey == IdempotencyKey("k"))
            #expect(try await store.chat(chat, newestMessages: 2).messages == [keyless, posted])
            #expect(try await store.edit(posted.id, in: chat, text: "edited").idempotencyKey == posted.idempotencyKey)
            let other = try await store.recordMessage(draft("hello", key: "l"), in: chat).value
            let deleted = try await store.recordMessage(.delete(other.id, onlyIf: .any), in: chat).value
            #expect(deleted.idempotencyKey == IdempotencyKey("l"))
            let keys = [nil, IdempotencyKey("k"), IdempotencyKey("l")]
            let page = try await store.messages(.newest(of: chat, limit: 3)).messages
            #expect(page.map(\.idempotencyKey) == keys)
            let entries = try await store.log(of: chat, after: 0, limit: 5).entries
            let shown = entries.map { entry -> IdempotencyKey? in
                if case .message(let message) = entry.subject { message.idempotencyKey } else { nil }
            }
            #expect(shown == [keys[0], keys[1], keys[1], keys[2], keys[2]])

            let archived = try #require(try await store.archivedChats(after: 0, limit: 1).first)
            let stretch = ArchivedStretch(
                chat: archived,
                entries: try await store.archivedEntries(of: chat, after: 0, limit: 5)
            )
            try await store.deleteChat(chat)
            _ = try await store.importBatch([stretch], skipsConflicts: false)
            #expect(try await store.messages(.newest(of: chat, limit: 3)).messages == page)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat that is created twice is stored once, until it is deleted`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            let first = try await store.createChat(draft)
            #expect(!first.isReplay)
            #expect(try await store.createChat(draft) == Accepted(first.value, isReplay: true))
            let other = ChatDraft(title: try ChatTitle("other"), idempotencyKey: IdempotencyKey("k"))
            await #expect(throws: StoreError.idempotencyKeyReused) { try await store.createChat(other) }
            try await store.deleteChat(first.value.id)
            let anew = try await store.createChat(other)
            #expect(!anew.isReplay)
            #expect(anew.value.id == 2)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat created again during its deletion is the old or a new one`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            for _ in 0..<100 {
                let old = try await store.createChat(draft).value.id
                let created = try await withThrowingTaskGroup(of: Accepted<Chat>?.self) { group in
                    for number in 0..<8 {
                        if number == 4 {
                            group.addTask {
                                try await store.deleteChat(old)
                                return nil
                            }
                        }
                        group.addTask { try await store.createChat(draft) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }.compactMap(\.self)
                #expect(created.count == 8)
                // The old chat, and at most one new chat, created once.
                let new = created.filter { $0.value.id != old }
                #expect(Set(new.map(\.value.id)).count <= 1)
                #expect(new.filter { !$0.isReplay }.count == (new.isEmpty ? 0 : 1))
                #expect(created.allSatisfy { $0.value.id != old || $0.isReplay })
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `identical requests sent at once get the same result`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chatDraft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("one"))
            let chats = try await withThrowingTaskGroup(of: Accepted<Chat>.self) { group in
                for _ in 0..<16 {
                    group.addTask { try await store.createChat(chatDraft) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(chats.map(\.value.id)).count == 1)
            #expect(chats.filter { !$0.isReplay }.count == 1)
            let chat = try #require(chats.first).value.id
            let sent = try await withThrowingTaskGroup(of: Accepted<Message>.self) { group in
                for number in 0..<200 {
                    let draft = try draft("message \(number % 20)", key: "k\(number % 20)")
                    group.addTask { try await store.recordMessage(draft, in: chat) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(sent.filter { !$0.isReplay }.count == 20)
            #expect(Set(sent.map(\.value.id)).count == 20)
            let stored = try await store.chat(chat, newestMessages: 100).messages
            #expect(stored.map(\.position.rawValue) == Array(1...20))
            #expect(sent.allSatisfy { stored[Int($0.value.position.rawValue) - 1] == $0.value })
        }
    }

    @Test func `a key outlives the process`() async throws {
        try await withTemporaryFolder { folder in
            let location = SQLiteConfiguration.Location.file(folder + "/chat.db")
            let first = try await withSQLite(location) { store in
                let chat = try await store.createChat(titled: ChatTitle("chat")).id
                return try await store.recordMessage(draft("hello", key: "k"), in: chat).value
            }
            try await withSQLite(location) { store in
                let again = try await store.recordMessage(draft("hello", key: "k"), in: first.chatID)
                #expect(again == Accepted(first, isReplay: true))
            }
        }
    }

    @Test func `servers on one database share the keys`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { one in
                try await withPostgres(url) { other in
                    let chat = try await one.createChat(titled: ChatTitle("chat")).id
                    let sent = try await withThrowingTaskGroup(of: Accepted<Message>.self) { group in
                        for number in 0..<200 {
                            let draft = try draft("\(number / 2)", key: "k\(number / 2)")
                            group.addTask { try await (number % 2 == 0 ? one : other).recordMessage(draft, in: chat) }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(sent.filter(\.isReplay).count == 100)
                    #expect(Set(sent.map(\.value.id)).count == 100)
                    let stored = try await one.chat(chat, newestMessages: 200).messages
                    #expect(stored.map(\.position.rawValue) == Array(1...100))
                }
            }
        }
    }
}
