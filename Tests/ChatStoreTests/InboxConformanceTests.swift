import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// What every store must do with inboxes.
@Suite(.timeLimit(.minutes(5)))
struct InboxConformanceTests {
    private typealias Store = any ServiceStore & ChatArchive

    /// Creates a chat of Ada's with Ben, which begins with two entries about members.
    private func chat(_ title: String = "chat", on store: Store) async throws -> ChatID {
        let draft = ChatDraft(title: try ChatTitle(title), members: MemberIDs(["ben"]))
        return try await store.createChat(draft, by: .ungranted("ada")).value.id
    }

    @discardableResult
    private func post(_ text: String, to chat: ChatID, by user: UserID = "ada", on store: Store) async throws
        -> MessageID
    {
        let post = LogChange.post(MessageDraft(text: try MessageText(text)))
        return try await store.recordMessage(post, in: chat, by: .ungranted(user)).value.id
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an entry shows the last message, the role and what is unread`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            let other = try await self.chat("other", on: store)
            let kept = try await post("kept", to: chat, on: store)
            for text in ["gone", "gone, too"] {
                try await store.delete(try await post(text, to: chat, on: store), in: chat, by: .ungranted("ada"))
            }
            let found = try await store.inboxEntries(of: "ben", in: [chat, other, 99])
            #expect(found.epoch == (try await store.epoch))
            #expect(found.entries.count == 2)
            #expect(found.entries[chat]?.chat == (try await store.chat(chat)))
            #expect(found.entries[chat]?.lastMessage == (try await store.message(kept, in: chat)))
            #expect(
                found.entries[chat]?.state == ReadState(role: .member, readPosition: 2, unread: UnreadCount(found: 1))
            )
            #expect(found.entries[other]?.lastMessage == nil)
            #expect(try await store.inboxEntries(of: "eve", in: [chat]).entries.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a list shows the same as the inbox`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let (chat, empty) = (try await chat(on: store), try await chat("empty", on: store))
            let message = try await post("text", to: chat, on: store)
            let scope = ChatListQuery.Scope(member: "ben")
            let list = try await store.chats(ChatListQuery(limit: 9, scope: scope, reader: "ben"))
            let entries = try await store.inboxEntries(of: "ben", in: [chat, empty]).entries
            #expect(list.readStates == entries.mapValues(\.state))
            #expect(list.lastMessages == entries.compactMapValues(\.lastMessage))
            #expect(list.lastMessages[chat]?.id == message)
            #expect(try await store.chats(ChatListQuery(limit: 9)).lastMessages.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every change gives the chat a new activity number`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let (chat, _) = (try await chat(on: store), try await chat("other", on: store))
            var reader = InboxReader(of: "ben")
            try await reader.read(store)
            #expect(reader.entries.count == 2)
            let message = try await post("first", to: chat, on: store)
            let changes: [(String, () async throws -> Void)] = [
                ("post", { try await self.post("second", to: chat, on: store) }),
                ("own post", { try await self.post("third", to: chat, by: "ben", on: store) }),
                ("edit", { _ = try await store.edit(message, in: chat, text: "new", by: .ungranted("ada")) }),
                ("deletion", { try await store.delete(message, in: chat, by: .ungranted("ada")) }),
                ("title", { try await store.updateChat(chat, ChatEdit(title: try ChatTitle("new"))) }),
                (
                    "addition",
                    { try await store.change(.add(try #require(MemberIDs(["eve"])), as: .member), in: chat, by: "ada") }
                ),
                ("role", { try await store.change(.setRole("ben", .moderator), in: chat, by: "ada") }),
                ("removal", { try await store.change(.remove("eve"), in: chat, by: "ada") }),
                (
                    "marker",
                    {
                        try await store.moveReadMarker(
                            ReadMarkerRequest(chat, upTo: 1, movesBack: true, by: .ungranted("ben"))
                        )
                    }
                ),
            ]
            try await reader.read(store)
            for (name, change) in changes {
                try await change()
                let news = try await reader.read(store)
                #expect(news.changed == [chat] && news.left.isEmpty, "\(name)")
                let present = try await store.inboxEntries(of: "ben", in: [chat]).entries[chat]
                #expect(reader.entries[chat] == present, "\(name)")
                #expect(try await reader.read(store).changed.isEmpty, "nothing after \(name)")
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `another member's read marker changes no other inbox`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store)
            try await post("text", to: chat, on: store)
            var reader = InboxReader(of: "ada")
            try await reader.read(store)
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 9, by: .ungranted("ben")))
            #expect(try await reader.read(store).changed.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat that a user loses is named once, and is back when the user is`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let (removed, deleted, large) = (
                try await chat("removed", on: store), try await chat("deleted", on: store),
                try await chat("large", on: store)
            )
            try await database.fill(large.rawValue, messages: 3_000)
            var (reader, late) = (InboxReader(of: "ben"), InboxReader(of: "ben"))
            try await reader.read(store)
            try await late.read(store)
            try await store.change(.remove("ben"), in: removed, by: "ada")
            #expect(try await reader.read(store).left == [removed])
            try await store.deleteChat(deleted)
            #expect(try await reader.read(store).left == [deleted])
            try await store.deleteChat(large)
            #expect(try await reader.read(store).left == [large])
            while try await store.purgeDeletedChats() {}
            try await reader.read(store)
            #expect(try await reader.read(store).left.isEmpty)
            #expect(reader.entries.isEmpty)
            #expect(try await late.read(store).left == [removed, deleted, large])
            try await store.change(.setRole("ben", .reader), in: removed, by: "ada")
            #expect(try await late.read(store).left.isEmpty)
            #expect(late.entries.keys.map(\.self) == [removed])
            // A user who starts over is not told of what is gone.
            var new = InboxReader(of: "ben")
            #expect(try await new.read(store).changed == [removed])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `no change is missed while others write`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            var chats: [ChatID] = []
            for number in 0..<12 {
                chats.append(try await chat("chat \(number)", on: store))
            }
            let text = try MessageText("text")
            let finished = Recorder<Int>()
            let reading = Task { () -> InboxReader in
                var reader = InboxReader(of: "ben")
                while finished.all.count < 8 { try await reader.read(store) }
                return reader
            }
            await withTaskGroup { group in
                for writer in 0..<8 {
                    group.addTask { [chats] in
                        defer { finished.append(writer) }
                        var random = SplitMix64(state: UInt64(writer))
                        for _ in 0..<40 {
                            await change(chats.randomElement(using: &random), posting: text, on: store, &random)
                        }
                    }
                }
            }
            var reader = try await reading.value
            try await reader.read(store)
            let present = try await store.inboxEntries(of: "ben", in: chats).entries
            #expect(reader.entries == present)
        }
    }

    /// Makes a random change, if it is possible.
    private func change(
        _ chat: ChatID?,
        posting text: MessageText,
        on store: Store,
        _ random: inout SplitMix64
    ) async {
        guard let chat else { return }
        do throws(StoreError) {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let post = LogChange.post(MessageDraft(text: text))
                _ = try await store.recordMessage(post, in: chat, by: .ungranted("ada"))
            case 2: _ = try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 99, by: .ungranted("ben")))
            case 3: _ = try await store.change(.setRole("ben", .reader), in: chat, by: "ada")
            case 4: _ = try await store.change(.setRole("ben", .member), in: chat, by: "ada")
            default: _ = try await store.change(.remove("ben"), in: chat, by: "ada")
            }
        } catch {
            #expect([.chatNotFound, .memberNotFound, .forbidden].contains(error))
        }
    }

    /// Transactions that take their ids early and commit late: the highest id that a reader has seen is no cursor.
    @Test func `no change of a transaction that commits late is missed`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { store in
                var chats: [ChatID] = []
                for number in 0..<8 {
                    chats.append(try await chat("chat \(number)", on: store))
                }
                var reader = InboxReader(of: "ben")
                try await reader.read(store)
                // A client that takes the highest number seen for its cursor, and what it believes to be old.
                var (highest, stale) = (Int64(0), Set(chats))
                var writers: [(connection: PostgresConnection, chat: ChatID)] = []
                for chat in chats {
                    let connection = PostgresConnection(PostgresConfiguration(url: url))
                    try await connection.open()
                    try await connection.execute("BEGIN; SELECT pg_current_xact_id()")
                    writers.append((connection, chat))
                }
                // The first to take an id is the last to commit.
                for (connection, chat) in writers.reversed() {
                    try await connection.execute(
                        """
                        UPDATE chats SET title = 'late', activity = DEFAULT WHERE id = \(chat.rawValue);
                        COMMIT
                        """
                    )
                    await connection.close()
                    let index = try await store.inboxIndex(of: "ben", leftSince: 0)
                    let seen = index.chats.filter { $0.activity > highest }.map(\.chatID)
                    let entries = try await store.inboxEntries(of: "ben", in: seen).entries.values
                    stale.subtract(entries.filter { $0.chat.title == "late" }.map(\.chat.id))
                    highest = index.chats.map(\.activity).max() ?? highest
                    try await reader.read(store)
                }
                try await reader.read(store)
                #expect(reader.entries.values.map(\.chat.title) == Array(repeating: "late", count: 8))
                #expect(stale.count == 7)
            }
        }
    }

    @Test func `a number from another database does not make a chat look changed`() async throws {
        try await StoreUnderTest.postgresql.withStoreAndSQL { store, database in
            let chat = try await chat(on: store)
            try await database.execute(
                "UPDATE chats SET activity = 9000000000; UPDATE members SET activity = 9000000000"
            )
            let index = try await store.inboxIndex(of: "ben", leftSince: 0)
            #expect(index.chats == [InboxIndex.Change(chatID: chat, activity: 0)])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `users whose inbox changes without an entry are signalled`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let signals = Recorder<[MemberReference]>()
            store.signals.addListener { signal in
                if case .membershipsChanged(let members) = signal { signals.append(members) }
            }
            let chat = try await chat(on: store)
            func member(_ user: UserID) -> MemberReference { MemberReference(chatID: chat, userID: user) }
            #expect(await signals.next().map(Set.init) == [member("ada"), member("ben")])
            try await post("text", to: chat, on: store)
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 9, by: .ungranted("ben")))
            #expect(await signals.next() == [member("ben")])
            try await store.change(.setRole("eve", .reader), in: chat, by: "ada")
            #expect(await signals.next() == [member("eve")])
            try await store.change(.setRole("eve", .member), in: chat, by: "ada")
            try await store.change(.remove("eve"), in: chat, by: "ada")
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 0, movesBack: true, by: .ungranted("ben")))
            #expect(await signals.next() == [member("ben")])
        }
    }
}
