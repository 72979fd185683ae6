import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with the list of chats.
@Suite(.timeLimit(.minutes(5)))
struct ChatListConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `the chat with the newest entry comes first`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let epoch = try await store.epoch
            #expect(try await store.chats(ChatListQuery(limit: 1)) == ChatList(chats: [], next: nil, epoch: epoch))
            var ids: [ChatID] = []
            for number in 1...4 {
                ids.append(try await store.createChat(titled: ChatTitle("\(number)")).id)
            }
            #expect(try await store.listed() == [ids[3], ids[2], ids[1], ids[0]])
            let message = try await store.postMessage(MessageText("hello"), to: ids[0])
            #expect(try await store.listed() == [ids[0], ids[3], ids[2], ids[1]])
            _ = try await store.updateChat(ids[1], ChatEdit(title: ChatTitle("renamed")))
            #expect(try await store.listed() == [ids[1], ids[0], ids[3], ids[2]])
            _ = try await store.edit(message.id, in: ids[0], text: "hullo")
            #expect(try await store.listed() == [ids[0], ids[1], ids[3], ids[2]])
            try await store.deleteChat(ids[1])
            try await store.delete(message.id, in: ids[0])
            let list = try await store.chats(ChatListQuery(limit: 100))
            #expect(list.chats.map(\.id) == [ids[0], ids[3], ids[2]])
            // Each is complete, and the same as when read alone.
            for chat in list.chats {
                #expect(try await store.chat(chat.id) == chat)
            }
            #expect(list.chats[0].messageCount == 0)
            #expect(list.chats[0].lastMessageAt == message.createdAt)
            #expect(list.chats[0].lastPosition == 3)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `pages cover the whole list, even where instants are equal`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            for number in 1...10 {
                _ = try await store.createChat(titled: ChatTitle(number % 2 == 0 ? "even" : "odd"))
            }
            // All but the first and the last have the same timestamp.
            try await database.execute(
                """
                UPDATE chats SET last_entry_at = (SELECT max(created_at) FROM chats WHERE id <= 9)
                WHERE id BETWEEN 2 AND 9
                """
            )
            for limit in [1, 2, 3, 9, 10, 11] {
                let expected = (1...10).reversed().map(Int64.init)
                #expect(try await store.pages(of: limit) == expected.chunks(of: limit), "limit \(limit)")
                let odd = expected.filter { $0 % 2 == 1 }
                #expect(try await store.pages(of: limit, titlePart: "OD") == odd.chunks(of: limit), "limit \(limit)")
            }
            // The cursor works even if its chat has been deleted.
            let next = try #require(try await store.chats(ChatListQuery(limit: 3)).next)
            try await store.deleteChat(8)
            let rest = try await store.chats(ChatListQuery(after: next, limit: 100))
            #expect(rest.chats.map(\.id.rawValue) == (1...7).reversed())
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a list can be limited to some chats`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            for number in 1...10 {
                _ = try await store.createChat(titled: ChatTitle(number % 2 == 1 ? "odd" : "even"))
            }
            // Equal instants, so that ids decide.
            let instant = "(SELECT max(created_at) FROM chats WHERE id <= 9)"
            try await database.execute("UPDATE chats SET last_entry_at = \(instant) WHERE id BETWEEN 2 AND 9")
            try await store.deleteChat(4)
            // Chat 4 is deleted, and chat 77 does not exist.
            let listed: Set<ChatID> = [9, 1, 2, 5, 4, 77, 6]
            for limit in [1, 2, 3, 5, 6] {
                let expected: [Int64] = [9, 6, 5, 2, 1]
                #expect(try await store.pages(of: limit, chatIDs: listed) == expected.chunks(of: limit))
                let odd = try await store.pages(of: limit, titlePart: "ODD", chatIDs: listed)
                #expect(odd == [9, 5, 1].chunks(of: limit), "limit \(limit)")
            }
            let epoch = try await store.epoch
            for chatIDs in [[], [4, 77]] as [Set<ChatID>] {
                let list = try await store.chats(
                    ChatListQuery(limit: 100, scope: ChatListQuery.Scope(chatIDs: chatIDs))
                )
                #expect(list == ChatList(chats: [], next: nil, epoch: epoch))
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `part of a title is found in any script and case`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let titles = [
                "ПРИВЕТ, мир", "STRASSE", "Straße", "ΟΔΟΣ", "οδός", "οδος και", "İstanbul", "ISPARTA", "ısı",
                "100% sure", "100 sure", "snake_case", "snakeXcase", #"it's "quoted" \ back"#, "日本語の話", "ﬁn", "é",
                "ǅ", "Ａ", "GROẞ", "300 \u{212A}",
            ]
            for title in titles {
                _ = try await store.createChat(titled: ChatTitle(title))
            }
            let searches: [(String, [String])] = [
                ("привет", ["ПРИВЕТ, мир"]), ("ПРИВЕТ, М", ["ПРИВЕТ, мир"]), ("straße", ["STRASSE", "Straße"]),
                ("strasse", ["STRASSE", "Straße"]), ("οδος", ["ΟΔΟΣ", "οδος και"]), ("ΟΔΟΣ", ["ΟΔΟΣ", "οδος και"]),
                ("οδόσ", ["οδός"]), ("isı", ["ısı"]), ("isparta", ["ISPARTA"]), ("ıspARTA", ["ISPARTA"]),
                ("groß", ["GROẞ"]), ("GROSS", ["GROẞ"]), ("ẞe", ["STRASSE", "Straße"]), ("300 k", ["300 \u{212A}"]),
                ("İ", ["İstanbul"]), ("istanbul", []), ("%", ["100% sure"]), ("0%", ["100% sure"]),
                ("_", ["snake_case"]),
                ("SNAKE_CASE", ["snake_case"]), ("'", [#"it's "quoted" \ back"#]), ("\"", [#"it's "quoted" \ back"#]),
                ("\\", [#"it's "quoted" \ back"#]), ("日本", ["日本語の話"]), ("fin", ["ﬁn"]), ("É", ["é"]), ("ǆ", ["ǅ"]),
                ("ａ", ["Ａ"]),
                (
                    "a",
                    ["STRASSE", "Straße", "İstanbul", "ISPARTA", "snake_case", "snakeXcase", #"it's "quoted" \ back"#]
                ),
                ("nowhere", []), ("*", []), ("?", []), ("", titles),
            ]
            for (part, expected) in searches {
                let found = try await store.chats(ChatListQuery(limit: 100, titlePart: part))
                #expect(found.chats.map(\.title).reversed() == expected, "\(part)")
                #expect(found.next == nil)
            }
        }
    }
}

extension ChatListConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `part of a title is found no matter how its letters are composed`(_ store: StoreUnderTest) async throws {
        // Composed and decomposed, in Latin, Greek (whose capital has no composed form), Vietnamese and Korean.
        let texts: [(composed: String, decomposed: String)] = [
            ("Caf\u{E9}", "Cafe\u{301}"), ("\u{390}a", "\u{3B9}\u{308}\u{301}a"), ("Vi\u{1EC7}t", "Vie\u{323}\u{302}t"),
            ("\u{D55C}\u{AD6D}", "\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}"), ("\u{1F0}", "j\u{30C}"),
            ("\u{212B}ngstr\u{F6}m", "A\u{30A}ngstro\u{308}m"),
        ]
        try await store.withStore { store in
            for (composed, decomposed) in texts {
                #expect(!composed.unicodeScalars.elementsEqual(decomposed.unicodeScalars))
                let ids = [
                    try await store.createChat(titled: ChatTitle("<\(composed)>")).id,
                    try await store.createChat(titled: ChatTitle("<\(decomposed)>")).id,
                ]
                for part in [composed, decomposed, composed.lowercased(), decomposed.uppercased()] {
                    let found = try await store.chats(ChatListQuery(limit: 10, titlePart: part)).chats
                    #expect(found.map(\.id).reversed() == ids, "\(part)")
                }
            }
            // A letter with an accent differs from the letter without it.
            #expect(try await store.chats(ChatListQuery(limit: 10, titlePart: "cafe>")).chats.isEmpty)
        }
    }
}

extension ChatStore {
    fileprivate func listed() async throws -> [ChatID] {
        try await chats(ChatListQuery(limit: 100)).chats.map(\.id)
    }

    /// The ids of each page, to the end of the list.
    fileprivate func pages(
        of limit: Int,
        titlePart: String? = nil,
        chatIDs: Set<ChatID>? = nil
    ) async throws -> [[Int64]] {
        var pages: [[Int64]] = []
        var cursor: ChatListQuery.Cursor? = .start
        while let start = cursor {
            let scope = chatIDs.map { ChatListQuery.Scope(chatIDs: $0) }
            let query = ChatListQuery(after: start, limit: limit, titlePart: titlePart, scope: scope)
            let list = try await chats(query)
            pages.append(list.chats.map(\.id.rawValue))
            cursor = list.next
        }
        return pages
    }
}

extension [Int64] {
    fileprivate func chunks(of size: Int) -> [[Int64]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min(count, $0 + size)]) }
    }
}
