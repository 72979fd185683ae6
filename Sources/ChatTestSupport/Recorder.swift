import Synchronization

/// Records values in the order in which they are reported, and lets a test wait for the next one.
package final class Recorder<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    package init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Everything recorded so far.
    package var all: [Value] {
        values.withLock(\.self)
    }

    /// Records a value; any thread may do so.
    @Sendable package func append(_ value: Value) {
        values.withLock { $0.append(value) }
        continuation.yield(value)
    }

    /// Waits for the next value that no other call has returned.
    package func next() async -> Value? {
        await stream.first { _ in true }
    }
}
