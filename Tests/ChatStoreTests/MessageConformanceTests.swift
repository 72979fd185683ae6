import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with messages.
@Suite(.timeLimit(.minutes(5)))
struct MessageConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a posted message is read as it was acknowledged`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            let text = "line\nbreak\tand \"quotes\" \\ / \u{7} \u{2028} é 👋🏽"
            let message = try await store.postMessage(MessageText(text), to: chat.id)
            #expect(message.id == 1)
            #expect(message.chatID == chat.id)
            #expect(message.position == 1)
            #expect(message.text == text)
            #expect(message.createdAt >= chat.createdAt)
            #expect(try await store.chat(chat.id, newestMessages: 1).messages == [message])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `texts are returned scalar by scalar`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            // Precomposed and decomposed text is equal in Swift, but must be stored as it was sent.
            for text in ["\u{E9}", "e\u{301}", "\u{10FFFF}", String(repeating: "𝄞", count: 5_000)] {
                let posted = try await store.postMessage(MessageText(text), to: chat.id)
                let read = try await store.chat(chat.id, newestMessages: 1).messages
                #expect(Array(posted.text.unicodeScalars) == Array(text.unicodeScalars))
                #expect(read.map { Array($0.text.unicodeScalars) } == [Array(text.unicodeScalars)])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages are returned oldest first`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            var messages: [Message] = []
            for number in 1...25 {
                messages.append(try await store.postMessage(MessageText("message \(number)"), to: chat.id))
            }
            for limit in [1, 2, 20, 25, 100] {
                #expect(try await store.chat(chat.id, newestMessages: limit).messages == messages.suffix(limit))
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages are read again only if the log has moved`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let created = try await store.createChat(titled: ChatTitle("chat"))
            let chat = created.id
            let query = LatestMessagesQuery(chatID: chat, limit: 20)
            let epoch = try await store.epoch
            let start = LogEnd(epoch: epoch, position: 0, instant: created.createdAt)
            #expect(try await store.latestMessages(LatestMessagesRequest(query, known: start)) == nil)
            let message = try await store.postMessage(MessageText("a"), to: chat)
            let end = LogEnd(epoch: epoch, position: message.position, instant: message.createdAt)
            let read = try await store.chat(chat, newestMessages: 20)
            #expect(read.chat.lastPosition == message.position)
            #expect(
                try await store.latestMessages(LatestMessagesRequest(query, known: start))
                    == LatestMessages(chat: read, end: end)
            )
            #expect(try await store.latestMessages(LatestMessagesRequest(query, known: end)) == nil)
            try await store.deleteChat(chat)
            await #expect(throws: StoreError.chatNotFound) {
                try await store.latestMessages(LatestMessagesRequest(query, known: end))
            }
        }
    }

    /// An import restores ids, and with them positions that a client may know from before.
    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages are read again if the log was replaced`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("old")).id
            let old = try await store.postMessage(MessageText("old"), to: chat)
            try await store.deleteChat(chat)
            let instant = Instant(microsecondsSinceEpoch: old.createdAt.microsecondsSinceEpoch + 1)
            let head = LogHead(
                chat: Chat(id: chat, title: "new", createdAt: instant, lastPosition: old.position),
                instant: instant
            )
            let new = Message(
                id: 7,
                chatID: chat,
                position: old.position,
                text: "new",
                createdAt: instant
            )
            let stretch = ArchivedStretch(chat: ArchivedChat(head: head), entries: [.message(new, fingerprint: nil)])
            let imported = try await store.importBatch([stretch], skipsConflicts: false)
            #expect(imported.conflicts == [])
            let known = LogEnd(epoch: try await store.epoch, position: old.position, instant: old.createdAt)
            let read = try await store.chat(chat, newestMessages: 20)
            #expect(read.messages == [new])
            let request = LatestMessagesRequest(LatestMessagesQuery(chatID: chat, limit: 20), known: known)
            let latest = LatestMessages(chat: read, end: head.end(in: known.epoch))
            #expect(try await store.latestMessages(request) == latest)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `message ids are shared by all chats, and failures use none`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let first = try await store.createChat(titled: ChatTitle("first"))
            let second = try await store.createChat(titled: ChatTitle("second"))
            var messages = [try await store.postMessage(MessageText("a"), to: first.id)]
            _ = try? await store.postMessage(MessageText("lost"), to: 99)
            messages.append(try await store.postMessage(MessageText("b"), to: second.id))
            messages.append(try await store.postMessage(MessageText("c"), to: first.id))
            #expect(messages.map(\.id.rawValue) == [1, 2, 3])
            #expect(messages.map(\.position.rawValue) == [1, 1, 2])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `concurrent posts get contiguous positions and none is lost`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chats = [
                try await store.createChat(titled: ChatTitle("one")),
                try await store.createChat(titled: ChatTitle("two")),
            ]
            let acknowledged = try await withThrowingTaskGroup(of: Message.self) { group in
                for number in 0..<200 {
                    let chat = chats[number % 2].id
                    group.addTask { try await store.postMessage(MessageText("message \(number)"), to: chat) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(acknowledged.map(\.id)).count == 200)
            for chat in chats {
                let stored = try await store.chat(chat.id, newestMessages: 200).messages
                #expect(stored.map(\.position.rawValue) == Array(1...100))
                #expect(stored == acknowledged.filter { $0.chatID == chat.id }.sorted { $0.position < $1.position })
                #expect(
                    zip(stored, stored.dropFirst()).allSatisfy {
                        $0.createdAt <= $1.createdAt && $0.id.rawValue < $1.id.rawValue
                    }
                )
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a post to a chat that is being deleted is stored or finds no chat`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            for _ in 0..<20 {
                let chat = try await store.createChat(titled: ChatTitle("short-lived"))
                let outcomes = await withTaskGroup(of: StoreError?.self) { group in
                    for number in 0..<8 {
                        group.addTask {
                            do throws(StoreError) {
                                if number == 4 {
                                    try await store.deleteChat(chat.id)
                                } else {
                                    _ = try await store.postMessage(.sample, to: chat.id)
                                }
                                return nil
                            } catch {
                                return error
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes.allSatisfy { $0 == nil || $0 == .chatNotFound })
                await #expect(throws: StoreError.chatNotFound) { try await store.chat(chat.id, newestMessages: 1) }
            }
        }
    }
}

extension MessageText {
    fileprivate static let sample: MessageText = {
        guard let text = try? MessageText("sample") else { preconditionFailure("the sample is valid") }
        return text
    }()
}
