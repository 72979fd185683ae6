import ChatDomain
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct BatcherTests {
    private func batcher(
        _ gate: BatchGate<Int>,
        maximumWaiting: Int = 100,
        timeout: Duration = .seconds(3_600)
    ) -> Batcher<Int, Int> {
        Batcher(BatchLimits(maximumWaiting: maximumWaiting, queueTimeout: timeout)) { numbers throws(StoreError) in
            await gate.run(numbers)
            if numbers.contains(13) { throw .invalidValue(reason: "thirteen") }
            if numbers.contains(21) { throw .failed(reason: "everything") }
            return BatchOutcome(answers: numbers.map { $0 == 7 ? .failure(.chatNotFound) : .success($0 * 2) })
        }
    }

    /// Submits 0, then the other numbers one by one while it runs.
    ///
    /// - Parameter refused: A last number that must be rejected before the gate opens.
    private func submit(
        _ numbers: [Int],
        refused: Int? = nil,
        to batcher: Batcher<Int, Int>,
        _ gate: BatchGate<Int>
    ) async -> [Int: Result<Int, StoreError>] {
        await withTaskGroup(of: (Int, Result<Int, StoreError>).self) { group in
            func add(_ number: Int) {
                group.addTask {
                    do throws(StoreError) {
                        return (number, .success(try await batcher.submit(number)))
                    } catch {
                        return (number, .failure(error))
                    }
                }
            }
            add(0)
            await gate.waitUntilRunning()
            for (index, number) in numbers.enumerated() {
                add(number)
                while batcher.load.waiting <= index { await Task.yield() }
            }
            var results: [Int: Result<Int, StoreError>] = [:]
            if let refused {
                add(refused)
                while results[refused] == nil, let (number, result) = await group.next() {
                    results[number] = result
                }
            }
            gate.open()
            return await group.reduce(into: results) { $0[$1.0] = $1.1 }
        }
    }

    @Test func `requests that arrive during a batch run together and each gets its own result`() async {
        let gate = BatchGate<Int>()
        let results = await submit([1, 2, 3, 4, 5, 6, 7, 8], to: batcher(gate), gate)
        #expect(gate.seen == [[0], [1, 2, 3, 4, 5, 6, 7, 8]])
        #expect(results[7] == .failure(.chatNotFound))
        for number in [0, 1, 2, 3, 4, 5, 6, 8] {
            #expect(results[number] == .success(number * 2))
        }
    }

    @Test func `only the request that breaks a batch fails`() async {
        let gate = BatchGate<Int>()
        let batcher = batcher(gate)
        let results = await submit(Array(1...14), to: batcher, gate)
        // Both halves, and so on down to the single request at fault.
        #expect(gate.seen.prefix(4) == [[0], Array(1...14), Array(1...7), Array(8...14)])
        #expect(gate.seen.contains([13]))
        #expect(!gate.seen.contains([1]))
        #expect(results[13] == .failure(.invalidValue(reason: "thirteen")))
        #expect(results[12] == .success(24))
        #expect(results[14] == .success(28))
    }

    @Test func `one half of a broken batch gets its results before the other half runs`() async throws {
        let (second, runSecond) = AsyncStream.makeStream(of: Void.self)
        let gate = BatchGate<Int>()
        let batcher = Batcher<Int, Int>(BatchLimits()) { numbers throws(StoreError) in
            await gate.run(numbers)
            if numbers.count > 1 { throw .invalidValue(reason: "together") }
            if numbers == [2] {
                for await _ in second {}
            }
            return BatchOutcome(answers: numbers.map { .success($0) })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await batcher.submit(0) }
            await gate.waitUntilRunning()
            group.addTask {
                _ = try await batcher.submit(1)
                runSecond.finish()
            }
            while batcher.load.waiting < 1 { await Task.yield() }
            group.addTask { _ = try await batcher.submit(2) }
            while batcher.load.waiting < 2 { await Task.yield() }
            gate.open()
            try await group.waitForAll()
        }
        #expect(gate.seen == [[0], [1, 2], [1], [2]])
    }

    @Test func `an error of the whole batch is not retried for each request`() async {
        let gate = BatchGate<Int>()
        let results = await submit(Array(1...8) + [21], to: batcher(gate), gate)
        #expect(gate.seen == [[0], Array(1...8) + [21]])
        for number in Array(1...8) + [21] {
            #expect(results[number] == .failure(.failed(reason: "everything")))
        }
    }

    @Test func `a request that waits too long fails while the previous batch still runs`() async throws {
        let gate = BatchGate<Int>()
        let batcher = batcher(gate, timeout: .milliseconds(50))
        let results = await submit([], refused: 1, to: batcher, gate)
        #expect(results[1] == .failure(.unavailable(reason: "the database took too long for earlier requests")))
        #expect(gate.seen == [[0]])
    }

    @Test func `a batch with too few results leaves no request waiting`() async {
        let batcher = Batcher<Int, Int>(BatchLimits()) { _ throws(StoreError) in BatchOutcome(answers: []) }
        await #expect(throws: StoreError.outcomeUnknown(reason: "0 answers came to 1 requests")) {
            try await batcher.submit(1)
        }
    }

    @Test func `a full queue rejects requests at once`() async {
        let gate = BatchGate<Int>()
        let batcher = batcher(gate, maximumWaiting: 2)
        let results = await submit([1, 2], refused: 3, to: batcher, gate)
        #expect(results[3] == .failure(.unavailable(reason: "too many requests are waiting")))
        #expect(gate.seen == [[0], [1, 2]])
    }

    @Test func `a cancelled request is withdrawn and leaves nothing behind`() async throws {
        let gate = BatchGate<Int>()
        let batcher = batcher(gate)
        let first = Task { try await batcher.submit(0) }
        await gate.waitUntilRunning()
        let second = Task { try await batcher.submit(1) }
        while batcher.load.waiting < 1 { await Task.yield() }
        second.cancel()
        await #expect(throws: StoreError.unavailable(reason: "the request was cancelled")) { try await second.value }
        #expect(batcher.load.waiting == 0)
        // A request that already runs still gets its result.
        first.cancel()
        gate.open()
        #expect(try await first.value == 0)
        #expect(gate.seen == [[0]])
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await batcher.submit(2)
        }
        await #expect(throws: StoreError.unavailable(reason: "the request was cancelled")) { try await late.value }
    }
}
