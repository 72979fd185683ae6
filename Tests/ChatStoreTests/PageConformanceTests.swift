import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with pages of messages.
@Suite(.timeLimit(.minutes(5)))
struct PageConformanceTests {
    private enum Anchor: CaseIterable {
        case before
        case after
        case around
    }

    private func query(_ anchor: Anchor, _ position: Int64, in chat: ChatID, limit: Int) -> MessagePageQuery {
        let position = Position(rawValue: position)
        return switch anchor {
        case .before: .before(position, in: chat, limit: limit)
        case .after: .after(position, in: chat, limit: limit)
        case .around: .around(position, in: chat, limit: limit)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an empty chat has an empty page at every anchor`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("empty")).id
            let other = try await store.createChat(titled: ChatTitle("other")).id
            _ = try await store.postMessage(MessageText("elsewhere"), to: other)
            for lastPosition in [0, 1] as [Position] {
                var pages = [try await store.messages(.newest(of: chat, limit: 100))]
                for anchor in Anchor.allCases {
                    for position in [0, 1, 50, .max] as [Int64] {
                        pages.append(try await store.messages(query(anchor, position, in: chat, limit: 1)))
                    }
                }
                for page in pages {
                    #expect(page.messages == [])
                    #expect(!page.hasBefore && !page.hasAfter)
                    #expect(page.lastPosition == lastPosition)
                }
                // A log with an entry that is not a message.
                _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("renamed")))
            }
        }
    }

    /// The log has 12 entries, with messages at 1, 2, 3, 5, 6, 9, 10 and 12; the one at 5 was deleted.
    @Test(arguments: StoreUnderTest.allCases)
    func `a page has the messages next to its anchor`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            var ids: [Int64: MessageID] = [:]
            for position in 1...12 as ClosedRange<Int64> {
                switch position {
                case 4, 8: _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("at \(position)")))
                case 7: _ = try await store.edit(#require(ids[1]), in: chat, text: "edited")
                case 11: try await store.delete(#require(ids[5]), in: chat)
                default: ids[position] = try await store.postMessage(MessageText("\(position)"), to: chat).id
                }
            }
            var all: [Message] = []
            for entry in try await store.log(of: chat, after: 0, limit: 100).entries {
                if entry.kind == .messageCreated, case .message(let message) = entry.subject {
                    all.append(message)
                }
            }
            #expect(all.map(\.position.rawValue) == [1, 2, 3, 5, 6, 9, 10, 12])
            #expect(all.map(\.isDeleted) == [false, false, false, true, false, false, false, false])

            for limit in [1, 2, 3, 7, 8, 9, 100] {
                let newest = try await store.messages(.newest(of: chat, limit: limit))
                #expect(newest.messages == all.suffix(limit))
                #expect(newest.hasBefore == (limit < 8))
                #expect(!newest.hasAfter)
                #expect(newest.lastPosition == 12)
                for position in Array(0...14) + [1_000, .max - 1, .max] as [Int64] {
                    for anchor in Anchor.allCases {
                        let older = all.filter {
                            anchor == .after ? $0.position.rawValue <= position : $0.position.rawValue < position
                        }
                        let newer = Array(all.dropFirst(older.count))
                        let (olderLimit, newerLimit) =
                            switch anchor {
                            case .before: (limit, 0)
                            case .after: (0, limit)
                            case .around: (limit / 2, (limit + 1) / 2)
                            }
                        let page = try await store.messages(query(anchor, position, in: chat, limit: limit))
                        let place = "\(anchor) \(position), limit \(limit)"
                        #expect(page.messages == older.suffix(olderLimit) + newer.prefix(newerLimit), "\(place)")
                        #expect(page.hasBefore == (older.count > olderLimit), "\(place)")
                        #expect(page.hasAfter == (newer.count > newerLimit), "\(place)")
                        #expect(page.lastPosition == 12)
                    }
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the texts on a page have at most 1 MiB`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("long")).id
            // An eighth of a MiB.
            let text = try StreamedText(String(repeating: "👋", count: 32_768))
            for _ in 0..<16 {
                let draft = MessageDraft(opening: text, ttl: .standard)
                _ = try await store.recordMessage(.post(draft), in: chat)
            }
            for (query, positions, hasBefore, hasAfter) in [
                (.newest(of: chat, limit: 100), 9...16, true, false),
                (.before(12, in: chat, limit: 100), 4...11, true, true),
                (.after(0, in: chat, limit: 100), 1...8, false, true),
                (.around(15, in: chat, limit: 100), 9...16, true, false),
                (.around(8, in: chat, limit: 100), 4...11, true, true),
                (.around(1, in: chat, limit: 100), 1...8, false, true),
                (.around(2, in: chat, limit: 100), 1...5, false, true),
            ] as [(MessagePageQuery, ClosedRange<Int64>, Bool, Bool)] {
                let page = try await store.messages(query)
                #expect(page.messages.map(\.position.rawValue) == Array(positions))
                #expect(page.hasBefore == hasBefore && page.hasAfter == hasAfter, "\(positions)")
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `pages cover the whole log in both directions`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("long")).id
            try await database.fill(chat.rawValue, messages: 250)
            var backwards = try await store.messages(.newest(of: chat, limit: 100))
            var sizes = [backwards.messages.count]
            var read = backwards.messages
            while backwards.hasBefore {
                let first = try #require(backwards.messages.first)
                backwards = try await store.messages(.before(first.position, in: chat, limit: 100))
                #expect(backwards.hasAfter)
                sizes.append(backwards.messages.count)
                read = backwards.messages + read
            }
            #expect(sizes == [100, 100, 50])
            #expect(read.map(\.position.rawValue) == Array(1...250))
            var forwards = try await store.messages(.after(0, in: chat, limit: 100))
            var again = forwards.messages
            while forwards.hasAfter {
                let last = try #require(forwards.messages.last)
                forwards = try await store.messages(.after(last.position, in: chat, limit: 100))
                #expect(forwards.hasBefore)
                again += forwards.messages
            }
            #expect(again == read)
        }
    }
}
