import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import ChatWire
import NIOPosix
import Synchronization
import Testing

/// Feeds of an inbox, with a sink that a test controls.
@Suite(.timeLimit(.minutes(5)))
struct InboxFeedTests {
    /// Records what is written, and makes the feed wait while it is closed.
    private final class Sink: InboxSink {
        let lines = Recorder<InboxLine>()
        let cursors = Recorder<InboxCursor>()
        let caughtUp = Recorder<Void>()
        let resets = Recorder<Epoch>()
        private let isOpen = Mutex(true)
        private let waits = Mutex<[CheckedContinuation<Void, Never>]>([])

        func close() {
            isOpen.withLock { $0 = false }
        }

        func open() {
            isOpen.withLock { $0 = true }
            for wait in waits.withLock({ waits in
                defer { waits = [] }
                return waits
            }) {
                wait.resume()
            }
        }

        func send(_ lines: [InboxLine]) async -> Bool {
            lines.forEach(self.lines.append)
            await withCheckedContinuation { continuation in
                waits.withLock { $0.append(continuation) }
                if isOpen.withLock(\.self) { open() }
            }
            return true
        }

        func advance(to cursor: InboxCursor, isCaughtUp: Bool) async -> Bool {
            cursors.append(cursor)
            if isCaughtUp { caughtUp.append(()) }
            return true
        }

        func reset(in epoch: Epoch) async {
            resets.append(epoch)
        }
    }

    private func post(_ text: String, on store: InterceptedStore) async throws {
        let post = LogChange.post(MessageDraft(text: try MessageText(text)))
        _ = try await store.recordMessage(post, in: 1, by: .ungranted("ada"))
    }

    @Test func `a slow client gets fewer lines, and the last of them is the latest state`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let store = InterceptedStore(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["ben"]))
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            let operations = Operations(store, hub: EventHub(store), typing: TypingNotices())
            let sink = Sink()
            let feed = try await operations.followInbox(.ungranted("ben"), after: nil)
            let running = Task { await feed.run(into: sink) }
            _ = await sink.cursors.next()
            sink.close()
            for number in 1...100 {
                try await post("\(number)", on: store)
            }
            sink.open()
            var last: Message?
            while last?.text != "100", case .chat(let entry)? = await sink.lines.next() {
                last = entry.lastMessage ?? last
            }
            // The first line of the pass, one before the client stopped reading, and one after.
            #expect(sink.lines.all.count <= 4)
            running.cancel()
            await running.value
        }
    }

    @Test func `a change between the read of the index and the watch is not lost`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["ben"]))
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            let base = InterceptedStore(store)
            let operations = Operations(base, hub: EventHub(base), typing: TypingNotices())
            let feed = try await operations.followInbox(.ungranted("ben"), after: nil)
            // The feed has read the index and does not run yet.
            try await post("between", on: base)
            let sink = Sink()
            let running = Task { await feed.run(into: sink) }
            var texts: [String] = []
            while texts.last != "between", case .chat(let entry)? = await sink.lines.next() {
                texts.append(entry.lastMessage?.text ?? "")
            }
            #expect(texts.last == "between")
            running.cancel()
            await running.value
        }
    }

    @Test func `the first poll after a server's first subscription notices a new epoch`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            var limits = StreamLimits()
            limits.checkInterval = .seconds(3_600)
            let base = InterceptedStore(store)
            let hub = EventHub(base, limits)
            let polling = Task { try await hub.run() }
            defer { polling.cancel() }
            let operations = Operations(base, hub: hub, typing: TypingNotices())
            let sink = Sink()
            let feed = try await operations.followInbox(.ungranted("ben"), after: nil)
            async let running: Void = feed.run(into: sink)
            _ = await sink.caughtUp.next()
            let epoch = try await store.renewEpoch()
            // This makes the hub poll at once.
            hub.addStreamsOfAllChats(1, on: MultiThreadedEventLoopGroup.singleton.next())
            #expect(await sink.resets.next() == epoch)
            await running
        }
    }

    /// The pass that the client continues does not contain what changed after it began.
    @Test func `a client that continues a pass has caught up after the next one`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let store = InterceptedStore(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["ben"]))
            for _ in 0..<3 {
                _ = try await store.createChat(draft, by: .ungranted("ada"))
            }
            let operations = Operations(store, hub: EventHub(store), typing: TypingNotices())
            let page = try await operations.readInbox(.ungranted("ben"), after: nil, limit: 1)
            #expect(page.hasMore)
            try await post("meanwhile", on: store)
            let sink = Sink()
            let feed = try await operations.followInbox(.ungranted("ben"), after: page.cursor)
            let running = Task { await feed.run(into: sink) }
            _ = await sink.caughtUp.next()
            let texts = sink.lines.all.map { line -> String? in
                if case .chat(let entry) = line { entry.lastMessage?.text } else { "left" }
            }
            #expect(texts == [nil, "meanwhile"])
            running.cancel()
            await running.value
        }
    }
}
