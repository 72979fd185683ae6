import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do when writes of all kinds share batches.
@Suite(.timeLimit(.minutes(5)))
struct WriteConformanceTests {
    /// Expects each chat under the id that its request returned.
    private func expectStored(_ chats: [Chat], in store: any ChatStore) async throws {
        #expect(Set(try await store.chats(withIDs: chats.map(\.id)).chats.map(\.id)) == Set(chats.map(\.id)))
        for chat in chats {
            #expect(try await store.chat(chat.id) == chat)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `concurrent writes of all kinds each get their own result`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let kept = try await store.createChats(20, titled: "kept")
            let deleted = try await store.createChats(20, titled: "deleted")
            let missing: ChatID = 1_000_000
            let text = try MessageText("beside")
            let created = try await withThrowingTaskGroup(of: Chat?.self) { group in
                for number in 0..<60 {
                    let title = try ChatTitle("created \(number)")
                    group.addTask { try await store.createChat(titled: title) }
                    group.addTask {
                        let message = try await store.postMessage(text, to: kept[number % 20])
                        #expect(message.chatID == kept[number % 20])
                        return nil
                    }
                    group.addTask {
                        await #expect(throws: StoreError.chatNotFound) {
                            try await store.postMessage(text, to: missing)
                        }
                        await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(missing) }
                        return nil
                    }
                }
                for chat in deleted {
                    group.addTask {
                        try await store.deleteChat(chat)
                        return nil
                    }
                    group.addTask {
                        do throws(StoreError) {
                            _ = try await store.postMessage(text, to: chat)
                        } catch {
                            #expect(error == .chatNotFound)
                        }
                        return nil
                    }
                }
                return try await group.reduce(into: []) { $0 += [$1].compactMap(\.self) }
            }
            #expect(Set(created.map(\.id)).count == 60)
            #expect(Set(created.map(\.title)).count == 60)
            try await expectStored(created, in: store)
            for chat in kept {
                #expect(try await store.chat(chat, newestMessages: 20).messages.map(\.position.rawValue) == [1, 2, 3])
            }
            #expect(try await store.chats(withIDs: deleted).chats == [])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a key creates one chat no matter how many requests send it at once`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let drafts = try ["a", "b", "c"].map { key in
                ChatDraft(title: try ChatTitle("chat \(key)"), idempotencyKey: IdempotencyKey(key))
            }
            let answers = try await withThrowingTaskGroup(of: Accepted<Chat>.self) { group in
                for number in 0..<60 {
                    group.addTask { try await store.createChat(drafts[number % 3]) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.value.id)).count == 3)
            #expect(answers.count { !$0.isReplay } == 3)
            #expect(Set(answers.map(\.value.title)) == ["chat a", "chat b", "chat c"])
            #expect(try await store.chats(ChatListQuery(limit: 100)).chats.count == 3)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deletions too large for one batch are hidden at once and purged later`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            var chats: [ChatID] = []
            for number in 0..<8 {
                chats.append(try await store.createChat(titled: ChatTitle("\(number)")).id)
                try await database.fill(chats[number].rawValue, messages: Int(BatchPlan.removalLimit) / 2 + 1)
            }
            try await withThrowingTaskGroup { group in
                for chat in chats {
                    group.addTask { try await store.deleteChat(chat) }
                }
                try await group.waitForAll()
            }
            #expect(try await store.chats(withIDs: chats).chats == [])
            while try await store.purgeDeletedChats() {}
            #expect(try await database.rows("SELECT CAST(count(*) AS text) FROM messages") == [["0"]])
            #expect(try await database.rows("SELECT CAST(count(*) AS text) FROM chats") == [["0"]])
        }
    }
}

extension ChatStore {
    fileprivate func createChats(_ count: Int, titled title: String) async throws -> [ChatID] {
        var chats: [ChatID] = []
        for number in 0..<count {
            chats.append(try await createChat(titled: ChatTitle("\(title) \(number)")).id)
        }
        return chats
    }
}
