import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with chats.
@Suite(.timeLimit(.minutes(5)))
struct ChatConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a new chat can be read`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let before = Instant.now()
            let chat = try await store.createChat(titled: ChatTitle("Привет 👋🏽"))
            #expect(chat.id == 1)
            #expect(chat.title == "Привет 👋🏽")
            #expect((before...Instant.now()).contains(chat.createdAt))
            let read = try await store.chat(chat.id, newestMessages: 20)
            #expect(read == ChatWithMessages(chat: chat, messages: []))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `chat ids increase and are never reused`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let first = try await store.createChat(titled: ChatTitle("first"))
            let second = try await store.createChat(titled: ChatTitle("second"))
            try await store.deleteChat(second.id)
            let third = try await store.createChat(titled: ChatTitle("third"))
            #expect([first, second, third].map(\.id.rawValue) == [1, 2, 3])
        }
    }

    @Test(arguments: StoreUnderTest.allCases, [0, -1, 2, .max, .min] as [Int64])
    func `an unknown chat is not found`(_ store: StoreUnderTest, id: Int64) async throws {
        try await store.withStore { store in
            _ = try await store.createChat(titled: ChatTitle("only"))
            let unknown = ChatID(rawValue: id)
            await #expect(throws: StoreError.chatNotFound) { try await store.chat(unknown, newestMessages: 20) }
            await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(unknown) }
            await #expect(throws: StoreError.chatNotFound) {
                try await store.postMessage(MessageText("lost"), to: unknown)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting a chat removes its messages and no others`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let gone = try await store.createChat(titled: ChatTitle("gone"))
            let kept = try await store.createChat(titled: ChatTitle("kept"))
            _ = try await store.postMessage(MessageText("in gone"), to: gone.id)
            let message = try await store.postMessage(MessageText("in kept"), to: kept.id)
            try await store.deleteChat(gone.id)
            await #expect(throws: StoreError.chatNotFound) { try await store.chat(gone.id, newestMessages: 20) }
            await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(gone.id) }
            #expect(try await store.chat(kept.id, newestMessages: 20).messages == [message])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a migrated store is ready`(_ store: StoreUnderTest) async throws {
        try await store.withStore { try await $0.checkReadiness() }
    }
}
