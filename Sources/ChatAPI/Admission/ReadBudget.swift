import ChatDomain
import Queues
import Synchronization

/// Bounds the bytes of messages in memory between the database and the responses.
///
/// The size of a message is known only once it has been read, so each is counted at its maximum size. Reads that must
/// wait take turns by client.
package final class ReadBudget: Sendable {
    private struct Waiting {
        let bytes: Int
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var freeBytes: Int
        var waiting = FairQueue<String, Waiting>()

        /// Reserves bytes for a read; false if other reads are waiting or too few bytes are free.
        mutating func take(_ bytes: Int) -> Bool {
            guard waiting.isEmpty, bytes <= freeBytes else { return false }
            freeBytes -= bytes
            return true
        }
    }

    private let limits: ReadLimits
    private let state: Mutex<State>

    /// The maximum size of one message in bytes: text of 4-byte characters, and metadata.
    package static let largestMessage = MessageText.maximumLength * 4 + Metadata.maximumLength

    /// One budget is shared by all routes that read pages of messages or log entries.
    package init(_ limits: ReadLimits) {
        self.limits = limits
        state = Mutex(State(freeBytes: limits.maximumBytes))
    }

    /// The number of waiting reads.
    package var waitingCount: Int {
        state.withLock { $0.waiting.count }
    }

    /// Runs a read once there is room for its result.
    ///
    /// - Parameters:
    ///   - messages: The maximum number of messages it returns.
    ///   - client: Who counts as one client, evaluated only if the read must wait.
    /// - Throws: `StoreError.unavailable` if there is no room in time, and the errors of `read`.
    package func read<Result>(
        upTo messages: Int,
        for client: @autoclosure () -> String,
        isolation: isolated (any Actor)? = #isolation,
        _ read: () async throws -> Result
    ) async throws -> Result {
        // A read larger than the whole budget runs alone.
        let bytes = min(messages * Self.largestMessage, limits.maximumBytes)
        if !state.withLock({ $0.take(bytes) }) {
            try await wait(for: bytes, client())
        }
        defer { give(back: bytes) }
        return try await read()
    }

    private func wait(for bytes: Int, _ client: String) async throws(StoreError) {
        let deadline = ContinuousClock.now + limits.queueTimeout
        let isGranted = await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> Bool? in
                if state.take(bytes) { return true }
                if state.waiting.count >= limits.maximumWaiting { return false }
                let waiting = Waiting(bytes: bytes, deadline: deadline, continuation: continuation)
                state.waiting.append(waiting, of: [client])
                return nil
            }
            if let answer {
                continuation.resume(returning: answer)
            }
        }
        if !isGranted {
            throw .unavailable(reason: "too many messages are being read")
        }
    }

    private func give(back bytes: Int) {
        let (granted, expired) = state.withLock { state in
            state.freeBytes += bytes
            var granted: [Waiting] = []
            var expired: [Waiting] = []
            guard !state.waiting.isEmpty else { return (granted, expired) }
            let now = ContinuousClock.now
            while let next = state.waiting.first {
                if next.deadline <= now {
                    expired.append(next)
                } else if next.bytes <= state.freeBytes {
                    state.freeBytes -= next.bytes
                    granted.append(next)
                } else {
                    break
                }
                _ = state.waiting.popFirst()
            }
            return (granted, expired)
        }
        for waiting in granted {
            waiting.continuation.resume(returning: true)
        }
        for waiting in expired {
            waiting.continuation.resume(returning: false)
        }
    }
}
