import Synchronization

/// Holds the first batch until it is opened, and records all of them.
final class BatchGate<Request: Sendable>: Sendable {
    private let batches = Mutex<[[Request]]>([])
    private let (started, start) = AsyncStream.makeStream(of: Void.self)
    private let (opened, openIt) = AsyncStream.makeStream(of: Void.self)

    var seen: [[Request]] {
        batches.withLock { $0 }
    }

    func run(_ batch: [Request]) async {
        let isFirst = batches.withLock { batches in
            batches.append(batch)
            return batches.count == 1
        }
        if isFirst {
            start.finish()
            for await _ in opened {}
        }
    }

    func waitUntilRunning() async {
        for await _ in started {}
    }

    func open() {
        openIt.finish()
    }
}
