import ChatDomain
import ChatTestSupport
import Dispatch
import Executors
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct WriteShardsTests {
    @Test func `a flood of new chats delays other writes by at most one batch`() async throws {
        let gate = BatchGate<WriteRequest>()
        let limits = BatchLimits(maximumBatch: 64, maximumWaiting: 800, queueTimeout: .seconds(3_600))
        let shards = WriteShards(on: [ThreadExecutor()], limits, LogSignals()) { _, requests throws(StoreError) in
            await gate.run(requests)
            return Self.answer(requests)
        }
        let draft = ChatDraft(title: try ChatTitle("flood"))
        let post = MessageDraft(text: try MessageText("hello"))
        try await withThrowingTaskGroup { group in
            group.addTask { _ = try await shards.createChat(draft, by: .anonymous) }
            await gate.waitUntilRunning()
            for _ in 0..<800 {
                group.addTask { _ = try await shards.createChat(draft, by: .anonymous) }
            }
            while shards.load.waiting < 800 { await Task.yield() }
            // Their queue is full; the other kinds' queues are not.
            await #expect(throws: StoreError.unavailable(reason: "too many requests are waiting")) {
                try await shards.createChat(draft, by: .anonymous)
            }
            for number in 1...4 as ClosedRange<Int64> {
                group.addTask {
                    _ = try await shards.record(LogRequest(.post(post), in: ChatID(rawValue: number), by: .anonymous))
                }
            }
            group.addTask { try await shards.deleteChat(9, by: .anonymous) }
            group.addTask { _ = try await shards.purgeDeletedChats() }
            while shards.load.waiting < 806 { await Task.yield() }
            gate.open()
            try await group.waitForAll()
        }
        let second = gate.seen[1]
        #expect(second.count { if case .record = $0 { true } else { false } } == 4)
        #expect(second.count { if case .delete = $0 { true } else { false } } == 1)
        #expect(second.count == 26)
        // A purge is alone in its batch.
        let purges = gate.seen.filter { $0.contains { if case .purge = $0 { true } else { false } } }
        #expect(purges.map(\.count) == [1])
        #expect(gate.seen.reduce(0) { $0 + $1.count } == 807)
    }

    /// Records signals, and blocks each delivery until it is opened.
    private final class SlowListener: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let (heard, hear) = AsyncStream.makeStream(of: LogSignal.self)

        func receive(_ signal: LogSignal) {
            gate.wait()
            hear.yield(signal)
        }

        func open() {
            gate.signal()
        }

        func next() async -> LogSignal? {
            await heard.first { _ in true }
        }
    }

    @Test func `a request gets its result before the listeners are notified`() async throws {
        let (shards, listener) = shardsWithSlowListener()
        _ = try await shards.createChat(ChatDraft(title: try ChatTitle("first")), by: .anonymous)
        listener.open()
        #expect(await listener.next() == .created(1))
    }

    @Test func `listeners are notified in the order of the batches`() async throws {
        let (shards, listener) = shardsWithSlowListener()
        let draft = ChatDraft(title: try ChatTitle("one of three"))
        _ = try await shards.createChat(draft, by: .anonymous)
        // They run together, once the listener has received the first.
        async let second = shards.createChat(draft, by: .anonymous)
        async let third = shards.createChat(draft, by: .anonymous)
        while shards.load.waiting < 2 { await Task.yield() }
        for _ in 1...3 { listener.open() }
        _ = try await [second, third]
        for id in 1...3 as ClosedRange<Int64> {
            #expect(await listener.next() == .created(ChatID(rawValue: id)))
        }
    }

    @Test func `listeners are notified of what a cancelled request has done`() async throws {
        let gate = BatchGate<WriteRequest>()
        let (shards, listener) = shardsWithSlowListener(gate)
        let draft = ChatDraft(title: try ChatTitle("first"))
        let request = Task { try await shards.createChat(draft, by: .anonymous) }
        await gate.waitUntilRunning()
        request.cancel()
        gate.open()
        listener.open()
        #expect(await listener.next() == .created(1))
        _ = try await request.value
    }

    @Test func `batches run on the thread of their shard`() async throws {
        let executors = [ThreadExecutor(), ThreadExecutor()]
        let threads = Mutex<[Int: Set<pthread_t>]>([:])
        let shards = WriteShards(on: executors, BatchLimits(), LogSignals()) { shard, requests throws(StoreError) in
            threads.withLock { _ = $0[shard, default: []].insert(pthread_self()) }
            return Self.answer(requests)
        }
        for number in 1...20 as ClosedRange<Int64> {
            try await shards.deleteChat(ChatID(rawValue: number), by: .anonymous)
        }
        let seen = threads.withLock { $0 }
        #expect(seen.mapValues(\.count) == [0: 1, 1: 1])
        #expect(seen[0] != seen[1])
    }

    @Test func `the observer learns how every batch went`() async throws {
        let reports = Mutex<[BatchReport]>([])
        let limits = BatchLimits()
        let shards = WriteShards(
            on: [ThreadExecutor()],
            limits,
            LogSignals(),
            onBatch: { report in reports.withLock { $0.append(report) } },
            perform: { _, requests throws(StoreError) in
                if case .delete(2, _) = requests[0] { throw .unavailable(reason: "no") }
                return Self.answer(requests)
            }
        )
        try await shards.deleteChat(1, by: .anonymous)
        await #expect(throws: StoreError.unavailable(reason: "no")) { try await shards.deleteChat(2, by: .anonymous) }
        let seen = reports.withLock { $0 }
        #expect(seen.map(\.requests) == [1, 1])
        #expect(seen.map(\.isFailed) == [false, true])
        #expect(seen.allSatisfy { $0.duration > .zero })
    }

    @Test func `a user's creations under the same key go to the same shard`() async throws {
        let chosen = Mutex<[Int]>([])
        let executors = (0..<4).map { _ in ThreadExecutor() }
        let shards = WriteShards(on: executors, BatchLimits(), LogSignals()) { shard, requests throws(StoreError) in
            chosen.withLock { $0.append(shard) }
            return Self.answer(requests)
        }
        for key in ["a", "b", "c"] {
            let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey(key))
            for _ in 1...20 {
                _ = try await shards.createChat(draft, by: .user("ada"))
            }
            #expect(Set(chosen.withLock { $0 }).count == 1)
            chosen.withLock { $0 = [] }
        }
    }

    private func shardsWithSlowListener(_ gate: BatchGate<WriteRequest>? = nil) -> (WriteShards, SlowListener) {
        let signals = LogSignals()
        let listener = SlowListener()
        signals.addListener { listener.receive($0) }
        let lastID = Mutex<Int64>(0)
        let shards = WriteShards(on: [ThreadExecutor()], BatchLimits(), signals) { _, requests throws(StoreError) in
            await gate?.run(requests)
            var batch = Self.answer(requests)
            batch.createdChats = requests.map { _ in
                ChatID(
                    rawValue: lastID.withLock { id in
                        id += 1
                        return id
                    }
                )
            }
            return batch
        }
        return (shards, listener)
    }

    private static func answer(_ requests: [WriteRequest]) -> RecordedBatch {
        let now = Instant(microsecondsSinceEpoch: 0)
        let chat = Chat(id: 1, title: "flood", createdAt: now)
        let message = Message(
            id: 1,
            chatID: chat.id,
            position: 1,
            text: "hello",
            createdAt: now
        )
        let results = requests.map { request -> Result<WriteAnswer, StoreError> in
            switch request {
            case .record, .stream: .success(.recorded(Accepted(message)))
            case .moveReadMarker: .success(.readMarkerMoved)
            case .update: .success(.updated(chat))
            case .changeMembers: .success(.membersChanged([]))
            case .create: .success(.created(Accepted(chat)))
            case .delete: .success(.deleted)
            case .purge: .success(.purged(isMore: false))
            }
        }
        return RecordedBatch(
            results: results,
            entries: [],
            epoch: nil,
            createdChats: [],
            deletedChats: [],
            erasesText: false
        )
    }
}
