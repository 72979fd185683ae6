import ChatAPI
import ChatDomain
import ChatTestSupport
import NIOCore
import Testing

struct LatestMessagesCacheTests {
    private func query(_ chat: Int64) -> LatestMessagesQuery {
        LatestMessagesQuery(chatID: ChatID(rawValue: chat), limit: 20)
    }

    private func entry(_ position: Int64, bytes: Int) -> LatestMessagesCache.Entry {
        LatestMessagesCache.Entry(
            end: LogEnd(
                epoch: 1,
                position: Position(rawValue: position),
                instant: Instant(microsecondsSinceEpoch: position)
            ),
            body: ByteBuffer(repeating: UInt8(ascii: "x"), count: bytes)
        )
    }

    @Test func `an entry is replaced by its successor`() {
        let cache = LatestMessagesCache(maximumBytes: 1_000)
        cache.insert(entry(1, bytes: 10), for: query(1))
        cache.insert(entry(2, bytes: 20), for: query(1))
        #expect(cache.entry(for: query(1))?.end.position == 2)
        #expect(cache.entry(for: query(2)) == nil)
    }

    @Test func `unused entries are evicted and the memory is bounded`() {
        let cache = LatestMessagesCache(maximumBytes: 1_000)
        cache.insert(entry(1, bytes: 100), for: query(0))
        for chat in Int64(1)...100 {
            cache.insert(entry(1, bytes: 100), for: query(chat))
            #expect(cache.entry(for: query(0)) != nil)
        }
        let kept = (Int64(1)...100).filter { cache.entry(for: query($0)) != nil }
        #expect(kept.count < 10)
        #expect(kept.last == 100)
    }

    @Test func `an entry that is too large is not kept`() {
        let cache = LatestMessagesCache(maximumBytes: 1_000)
        cache.insert(entry(1, bytes: 501), for: query(1))
        #expect(cache.entry(for: query(1)) == nil)
        let off = LatestMessagesCache(maximumBytes: 0)
        off.insert(entry(1, bytes: 1), for: query(1))
        #expect(off.entry(for: query(1)) == nil)
    }

    /// Each client reads right after its own or another's write, through the same cache.
    @Test(arguments: StoreUnderTest.allCases)
    func `no read returns a state older than one already acknowledged`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 {
                            let posted = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"b"}"#)
                            let position = try #require(try posted.json["seq"]?.integer)
                            let read = try await client.send("GET", "/chats/1?limit=1")
                            let newest = try #require(try read.json["messages"]?[0]?["seq"]?.integer)
                            #expect(newest >= position)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let first = try await client.send("GET", "/chats/1?limit=3")
            let second = try await client.send("GET", "/chats/1?limit=3")
            #expect(first.text == second.text)
            _ = try await client.send("DELETE", "/chats/1")
            #expect(try await client.send("GET", "/chats/1?limit=3").status == 404)
        }
    }
}
