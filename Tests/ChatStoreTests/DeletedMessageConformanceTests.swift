import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with deleted messages, even many of them.
@Suite(.timeLimit(.minutes(5)))
struct DeletedMessageConformanceTests {
    /// A chat and those of its messages that are not deleted.
    private struct ShrinkingChat {
        let store: any ChatStore
        let id: ChatID
        private(set) var living: [MessageID] = []

        init(_ store: any ChatStore, _ id: ChatID) {
            self.store = store
            self.id = id
        }

        mutating func post(_ count: Int) async throws {
            for _ in 0..<count {
                living.append(try await store.postMessage(MessageText("text"), to: id).id)
            }
        }

        mutating func delete(_ ids: [MessageID]) async throws {
            try await withThrowingTaskGroup { [store, id] group in
                for message in ids {
                    group.addTask { _ = try await store.delete(message, in: id) }
                }
                try await group.waitForAll()
            }
            living.removeAll { ids.contains($0) }
        }

        func check() async throws {
            for limit in [1, 3, 20, 100] {
                let read = try await store.chat(id, newestMessages: limit)
                #expect(read.messages.map(\.id) == living.suffix(limit))
                #expect(read.chat.messageCount == Int64(living.count))
            }
        }
    }

    /// In every order, one by one and many at once, concurrently with posts and edits.
    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages leave out deleted ones`(_ store: StoreUnderTest) async throws {
        var random = SplitMix64(state: 7)
        try await store.withStore { store in
            var chat = ShrinkingChat(store, try await store.createChat(titled: ChatTitle("chat")).id)
            try await chat.post(250)
            // Runs of many lengths, in the middle and at the end, that join.
            try await chat.delete(Array(chat.living[20..<90]))
            try await chat.check()
            for id in chat.living[100..<140].reversed() { try await chat.delete([id]) }
            try await chat.check()
            for _ in 0..<12 {
                try await chat.delete(Array(chat.living.shuffled(using: &random).prefix(8)))
                try await chat.check()
                let id = try #require(chat.living.randomElement(using: &random))
                _ = try await store.edit(id, in: chat.id, text: "edited")
                try await chat.post(1)
            }
            try await chat.delete(Array(chat.living.suffix(40)))
            try await chat.check()
            try await chat.delete(Array(chat.living.dropFirst(2)))
            try await chat.check()
            try await chat.post(2)
            try await chat.check()
            try await chat.delete(chat.living)
            try await chat.check()
            try await chat.post(1)
            try await chat.check()
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `imported messages that are deleted are skipped`(_ store: StoreUnderTest) async throws {
        let chat = try await StoreUnderTest.sqliteInMemory.withStore { source in
            let chat = try await source.createChat(titled: ChatTitle("chat")).id
            var ids: [MessageID] = []
            for _ in 0..<200 {
                ids.append(try await source.postMessage(MessageText("text"), to: chat).id)
            }
            for id in ids[5..<195] {
                try await source.delete(id, in: chat)
            }
            let archived = try await source.archivedChats(after: 0, limit: 1)
            let entries = try await source.archivedEntries(of: chat, after: 0, limit: 1_000)
            return (archived[0], entries)
        }
        try await store.withStoreAndSQL { store, database in
            let (archived, entries) = chat
            for start in stride(from: 0, to: entries.count, by: 70) {
                let stretch = ArchivedStretch(chat: archived, entries: Array(entries[start...].prefix(70)))
                #expect(try await store.importBatch([stretch], skipsConflicts: false).conflicts.isEmpty)
            }
            let read = try await store.chat(archived.head.chat.id, newestMessages: 8)
            #expect(read.messages.map(\.position.rawValue) == [3, 4, 5, 196, 197, 198, 199, 200])
            let ends = try await database.rows(
                "SELECT CAST(run_seq AS text) FROM messages WHERE chat_id = 1 AND seq IN (6, 195) ORDER BY seq"
            )
            #expect(ends == [["195"], ["6"]])
        }
    }
}
