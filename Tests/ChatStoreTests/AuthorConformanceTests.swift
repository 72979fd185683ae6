import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with authors.
@Suite(.timeLimit(.minutes(5)))
struct AuthorConformanceTests {
    private func draft(_ text: String, key: String) throws -> LogChange {
        .post(MessageDraft(text: try MessageText(text), idempotencyKey: IdempotencyKey(key)))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an entry has its own author, and a message keeps the one who posted it`(_ store: StoreUnderTest) async throws
    {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let signalled = Signalled(by: store)
            let post = LogChange.post(MessageDraft(text: try MessageText("one")))
            let first = try await store.recordMessage(post, in: chat, by: .user("ada")).value
            let second = try await store.recordMessage(post, in: chat).value
            #expect([first.author, second.author] == ["ada", nil])
            let edited = try await store.edit(first.id, in: chat, text: "uno", by: .administrator("bob"))
            let again = try await store.edit(first.id, in: chat, text: "eins")
            #expect([edited.author, again.author] == ["ada", "ada"])
            let deleted = try await store.delete(second.id, in: chat, by: .user("eve"))
            #expect(deleted.author == nil)
            let rename = ChatEdit(title: try ChatTitle("renamed"))
            _ = try await store.updateChat(chat, rename, by: .user("ada"))
            let tombstone = try await store.delete(first.id, in: chat, by: .user("bob"))
            #expect(tombstone.author == "ada")

            let authors: [UserID?] = ["ada", nil, "bob", nil, "eve", "ada", "bob"]
            let log = try await store.log(of: chat, after: 0, limit: 20)
            #expect(log.entries.map(\.author) == authors)
            #expect(try await store.messages(.newest(of: chat, limit: 20)).messages == [tombstone, deleted])
            for await entries in signalled.stream {
                guard entries.last?.position == log.lastPosition else { continue }
                #expect(entries.map(\.author) == authors)
                break
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `whose messages a caller may change depends on the caller's role`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let post = LogChange.post(MessageDraft(text: try MessageText("text")))
            let message = try await store.recordMessage(post, in: chat, by: .user("ada", .member)).value
            for caller in [Caller.user("bob", .owner), .user("bob", .member), .user("ada", .reader)] {
                await #expect(throws: StoreError.forbidden) {
                    try await store.edit(message.id, in: chat, text: "edited", by: caller)
                }
            }
            for caller in [Caller.user("bob", .member), .user("ada", .reader)] {
                await #expect(throws: StoreError.forbidden) {
                    try await store.delete(message.id, in: chat, by: caller)
                }
            }
            let stranger = Caller(author: "ada", rights: .user(.user))
            await #expect(throws: StoreError.chatNotFound) {
                try await store.delete(message.id, in: chat, by: stranger)
            }
            #expect(try await store.log(of: chat, after: 0, limit: 20).entries == [LogEntry(created: message)])

            let edited = try await store.edit(message.id, in: chat, text: "edited", by: .user("ada", .member))
            #expect(edited.revision == 2)
            let deleted = try await store.delete(message.id, in: chat, by: .user("bob", .moderator))
            #expect(deleted.isDeleted)
            #expect(try await store.log(of: chat, after: 1, limit: 20).entries.map(\.author) == ["ada", "bob"])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every read shows a message's author`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            var posted: [Message] = []
            // The longest id, and one that SQL must not read as anything but text.
            for author in [UserID(String(repeating: "x", count: 128)), UserID("';--\"\\{}%_"), nil] {
                let change = LogChange.post(MessageDraft(text: try MessageText("text")))
                let caller = author.map { Caller.user($0) } ?? .anonymous
                posted.append(try await store.recordMessage(change, in: chat, by: caller).value)
                #expect(posted.last?.author == author)
            }
            for message in posted {
                #expect(try await store.message(message.id, in: chat) == message)
            }
            #expect(try await store.chat(chat, newestMessages: 20).messages == posted)
            for query in [MessagePageQuery.newest(of: chat, limit: 20), .around(2, in: chat, limit: 20)] {
                #expect(try await store.messages(query).messages == posted)
            }
            #expect(try await store.log(of: chat, after: 0, limit: 20).entries == posted.map(LogEntry.init(created:)))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `users use the same key for a message without a collision`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let callers: [Caller] = [.anonymous, .user("ada"), .user("Ada"), .user("bob")]
            var sent: [Message] = []
            for caller in callers {
                let accepted = try await store.recordMessage(draft("hello", key: "k"), in: chat, by: caller)
                #expect(!accepted.isReplay)
                #expect(accepted.value.author == caller.author)
                sent.append(accepted.value)
            }
            #expect(sent.map(\.position.rawValue) == [1, 2, 3, 4])
            for (caller, message) in zip(callers, sent) {
                let again = try await store.recordMessage(draft("hello", key: "k"), in: chat, by: caller)
                #expect(again == Accepted(message, isReplay: true))
                await #expect(throws: StoreError.idempotencyKeyReused) {
                    try await store.recordMessage(draft("hullo", key: "k"), in: chat, by: caller)
                }
            }
            #expect(try await store.chat(chat).lastPosition == 4)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `users use the same key for a chat without a collision`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            let other = ChatDraft(title: try ChatTitle("other"), idempotencyKey: IdempotencyKey("k"))
            let callers: [Caller] = [.anonymous, .user("ada"), .user("bob")]
            for (caller, id) in zip(callers, [1, 2, 3] as [ChatID]) {
                let created = try await store.createChat(draft, by: caller)
                #expect(!created.isReplay)
                #expect(created.value.id == id)
                #expect(try await store.createChat(draft, by: caller) == Accepted(created.value, isReplay: true))
                await #expect(throws: StoreError.idempotencyKeyReused) {
                    try await store.createChat(other, by: caller)
                }
            }
            try await store.deleteChat(2)
            #expect(try await store.createChat(other, by: .user("ada")).value.id == 4)
            #expect(try await store.createChat(draft, by: .user("bob")).isReplay)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `requests of many users under one key, sent at once, are each carried out once`(_ store: StoreUnderTest)
        async throws
    {
        try await store.withStore { store in
            let chatDraft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let users = (0..<10).compactMap { UserID("user-\($0)") }
            let results = try await withThrowingTaskGroup(of: (UserID, ChatID, Message).self) { group in
                for number in 0..<100 {
                    let user = users[number % users.count]
                    let message = try draft("hello", key: "k")
                    group.addTask {
                        let created = try await store.createChat(chatDraft, by: .user(user)).value.id
                        let sent = try await store.recordMessage(message, in: chat, by: .user(user)).value
                        return (user, created, sent)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(results.map(\.1)).count == users.count)
            #expect(Set(results.map(\.2.id)).count == users.count)
            #expect(results.allSatisfy { $0.0 == $0.2.author })
            for (_, own) in Dictionary(grouping: results, by: \.0) {
                #expect(Set(own.map(\.1)).count == 1)
                #expect(Set(own.map(\.2.id)).count == 1)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import keeps authors, and compares them`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
            let chat = try await store.createChat(draft, by: .user("ada")).value.id
            for caller in [Caller.user("ada"), .user("bob"), .anonymous] {
                _ = try await store.recordMessage(self.draft("hello", key: "k"), in: chat, by: caller)
            }
            _ = try await store.edit(1, in: chat, text: "edited", by: .administrator("bob"))
            let archived = try #require(try await store.archivedChats(after: 0, limit: 1).first)
            #expect(archived.keyAuthor == "ada")
            let entries = try await store.archivedEntries(of: chat, after: 0, limit: 20)
            let stretch = ArchivedStretch(chat: archived, entries: entries)
            let before = try await store.log(of: chat, after: 0, limit: 20)
            // Compared with what is stored, and then restored after a deletion.
            #expect(try await store.importBatch([stretch], skipsConflicts: false) == ImportResult(added: ImportCount()))
            try await store.deleteChat(chat)
            #expect(
                try await store.importBatch([stretch], skipsConflicts: false)
                    == ImportResult(added: ImportCount(chats: 1, entries: 5))
            )
            #expect(try await store.log(of: chat, after: 0, limit: 20) == before)
            #expect(try await store.archivedChats(after: 0, limit: 1) == [archived])
            #expect(try await store.archivedEntries(of: chat, after: 0, limit: 20) == entries)
            // The keys are still their authors'.
            #expect(try await store.createChat(draft, by: .user("ada")).isReplay)
            #expect(try await !store.createChat(draft, by: .user("bob")).isReplay)
            #expect(try await store.recordMessage(self.draft("hello", key: "k"), in: chat, by: .user("bob")).isReplay)
            #expect(try await !store.recordMessage(self.draft("hello", key: "k"), in: chat, by: .user("eve")).isReplay)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an entry by someone else is another entry`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            _ = try await store.recordMessage(draft("hello", key: "k"), in: chat, by: .user("ada"))
            _ = try await store.edit(1, in: chat, text: "edited", by: .user("ada"))
            let archived = try #require(try await store.archivedChats(after: 0, limit: 1).first)
            let entries = try await store.archivedEntries(of: chat, after: 0, limit: 20)
            for index in entries.indices {
                var others = entries
                others[index] = entries[index].by("bob")
                let stretch = ArchivedStretch(chat: archived, entries: others)
                let conflicts = try await store.importBatch([stretch], skipsConflicts: false).conflicts
                #expect(
                    conflicts.map(\.reason) == ["entry \(index + 1) of chat 1 differs from the one in the database"]
                )
            }
        }
    }
}

extension ArchivedEntry {
    /// A copy by another author.
    fileprivate func by(_ author: UserID) -> ArchivedEntry {
        switch self {
        case .message(let message, let fingerprint):
            .message(
                Message(
                    id: message.id,
                    chatID: message.chatID,
                    position: message.position,
                    author: author,
                    text: message.text,
                    idempotencyKey: message.idempotencyKey,
                    createdAt: message.createdAt,
                    revision: message.revision,
                    editedAt: message.editedAt
                ),
                fingerprint: fingerprint
            )
        case .change(let change):
            .change(
                LogRecord(
                    chatID: change.chatID,
                    position: change.position,
                    kind: change.kind,
                    author: author,
                    instant: change.instant,
                    messageID: change.messageID
                )
            )
        }
    }
}
