import ChatAPI
import ChatDomain
import Synchronization
import Testing

/// The bound on messages in memory.
@Suite(.timeLimit(.minutes(5)))
struct ReadBudgetTests {
    /// Records the reads of a test.
    private final class Record: Sendable {
        let held = Atomic(0)
        let highest = Atomic(0)
        let order = Mutex<[String]>([])
    }

    /// A budget for this many messages of the largest size.
    private func budget(_ messages: Int, waiting: Int = 100, timeout: Duration = .seconds(60)) -> ReadBudget {
        var limits = ReadLimits()
        limits.maximumBytes = messages * ReadBudget.largestMessage
        limits.maximumWaiting = waiting
        limits.queueTimeout = timeout
        return ReadBudget(limits)
    }

    /// The largest text, all four-byte characters, with the largest metadata.
    @Test func `the largest message is as large as the budget assumes`() throws {
        let text = try MessageText(String(repeating: "👋", count: MessageText.maximumLength))
        let metadata = try #require(Metadata(json: #"{"k":""# + String(repeating: "x", count: 16_376) + #""}"#))
        #expect(text.value.utf8.count + metadata.json.utf8.count == ReadBudget.largestMessage)
    }

    @Test func `concurrent reads never exceed the budget`() async throws {
        let budget = budget(100, waiting: 200)
        let record = Record()
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<200 {
                let messages = [1, 20, 100, 1_000][number % 4]
                group.addTask {
                    try await budget.read(upTo: messages, for: "\(number % 7)") {
                        let now = record.held.add(min(messages, 100), ordering: .relaxed).newValue
                        record.highest.max(now, ordering: .relaxed)
                        await Task.yield()
                        record.held.subtract(min(messages, 100), ordering: .relaxed)
                    }
                }
            }
        }
        #expect(record.highest.load(ordering: .relaxed) <= 100)
        #expect(record.held.load(ordering: .relaxed) == 0)
        #expect(budget.waitingCount == 0)
    }

    @Test func `addresses take turns`() async throws {
        let budget = budget(10)
        let record = Record()
        try await withThrowingDiscardingTaskGroup { group in
            // The first read holds the whole budget until all others wait.
            try await budget.read(upTo: 10, for: "crowd") {
                for (index, address) in ["crowd", "crowd", "crowd", "alone"].enumerated() {
                    group.addTask {
                        try await budget.read(upTo: 10, for: address) { record.order.withLock { $0.append(address) } }
                    }
                    while budget.waitingCount <= index { await Task.yield() }
                }
            }
        }
        #expect(record.order.withLock { $0 } == ["crowd", "alone", "crowd", "crowd"])
    }

    @Test func `a failed read returns its bytes to the budget`() async throws {
        let budget = budget(1)
        for _ in 0..<3 {
            await #expect(throws: StoreError.chatNotFound) {
                try await budget.read(upTo: 1, for: "a") { throw StoreError.chatNotFound }
            }
        }
        try await budget.read(upTo: 1, for: "a") {}
    }

    @Test func `a read is rejected if too many others are waiting`() async throws {
        let budget = budget(1, waiting: 0)
        try await budget.read(upTo: 1, for: "a") { () async throws in
            _ = await #expect(throws: StoreError.unavailable(reason: "too many messages are being read")) {
                try await budget.read(upTo: 1, for: "b") {}
            }
        }
    }

    @Test func `a read that has waited too long is rejected`() async throws {
        let budget = budget(1, timeout: .zero)
        try await withThrowingDiscardingTaskGroup { group in
            try await budget.read(upTo: 1, for: "a") { () async throws in
                group.addTask {
                    await #expect(throws: StoreError.unavailable(reason: "too many messages are being read")) {
                        try await budget.read(upTo: 1, for: "b") {}
                    }
                }
                while budget.waitingCount == 0 { await Task.yield() }
            }
        }
    }
}
