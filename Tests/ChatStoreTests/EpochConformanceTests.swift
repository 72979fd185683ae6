import ChatDomain
import ChatTestSupport
import Testing

/// The identity of a database's history.
@Suite(.timeLimit(.minutes(5)))
struct EpochConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `every read names the epoch of its snapshot`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let first = try await store.epoch
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            #expect(try await epochs(of: chat.id, in: store) == [first])
            let second = try await store.renewEpoch()
            #expect(second != first)
            #expect(try await epochs(of: chat.id, in: store) == [second])
            #expect(try await store.renewEpoch() != second)
        }
    }

    private func epochs(of chat: ChatID, in store: some ChatStore) async throws -> Set<Epoch> {
        let beginning: Position = 0
        let latest = try await store.latestMessages(LatestMessagesQuery(chatID: chat, limit: 1))
        return [
            latest.end.epoch, try await store.epoch, try await store.chats(withIDs: [chat]).epoch,
            try await store.chats(ChatListQuery(limit: 1)).epoch,
            try await store.chats(ChatListQuery(limit: 1, titlePart: "no such title")).epoch,
            try await store.messages(.after(beginning, in: chat, limit: 1)).epoch,
            try await store.log(of: chat, after: beginning, limit: 1).epoch,
        ]
    }

    /// A log of another history may end at the same position and time.
    @Test(arguments: StoreUnderTest.allCases)
    func `a history that has lost its epoch gets a new one`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            try await database.execute("DELETE FROM history")
            await #expect(throws: StoreError.self) { try await store.chats(withIDs: [chat.id]) }
            let epoch = try await store.renewEpoch()
            #expect(try await store.chats(withIDs: [chat.id]).epoch == epoch)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages are read again in another epoch`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            _ = try await store.postMessage(MessageText("text"), to: chat)
            let query = LatestMessagesQuery(chatID: chat, limit: 20)
            let read = try await store.latestMessages(query)
            let end = read.end
            #expect(try await store.latestMessages(LatestMessagesRequest(query, known: end)) == nil)
            let epoch = try await store.renewEpoch()
            let other = LogEnd(epoch: epoch, position: end.position, instant: end.instant)
            #expect(
                try await store.latestMessages(LatestMessagesRequest(query, known: end))
                    == LatestMessages(chat: read.chat, end: other)
            )
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a signal names the epoch in which its entries were committed`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let (signals, signal) = AsyncStream.makeStream(of: Epoch.self)
            store.signals.addListener { if case .appended(_, let epoch) = $0 { signal.yield(epoch) } }
            var signalled = signals.makeAsyncIterator()
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            for _ in 1...3 {
                let epoch = try await store.renewEpoch()
                _ = try await store.postMessage(MessageText("text"), to: chat)
                #expect(await signalled.next() == epoch)
            }
        }
    }

    @Test func `an epoch is written as eight hexadecimal digits`() {
        #expect(Epoch("0000002a")?.rawValue == 42)
        #expect(Epoch(rawValue: 42).text == "0000002a")
        #expect(Epoch(rawValue: .max).text == "ffffffff")
        for text in ["", "2a", "0000002A", "+000002a", "0000002a1", "0000002g", "١٢٣٤", "0000 02a"] {
            #expect(Epoch(text) == nil, "\(text)")
        }
    }
}
