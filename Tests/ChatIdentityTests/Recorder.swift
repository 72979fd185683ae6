import Synchronization

/// Records values in the order in which they are reported, and lets a test wait for the next one.
final class Recorder<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    var all: [Value] {
        values.withLock(\.self)
    }

    @Sendable func append(_ value: Value) {
        values.withLock { $0.append(value) }
        continuation.yield(value)
    }

    /// Waits for the next value that no other call has returned.
    func next() async -> Value? {
        await stream.first { _ in true }
    }
}
