/// The decisions of a batcher, without I/O: which requests wait, run together or are rejected.
///
/// One batch runs at a time. There is no timer: requests that arrive while a batch runs form the next one, and a
/// request that arrives while none runs is a batch of its own.
///
/// Each kind of request has a queue of its own. While several queues have requests, each gets an equal share of the
/// batch, so a flood of one kind neither fills another kind's queue nor delays it by more than one batch.
package struct BatchState<Entry> {
    /// Monotonic, so deadlines do not depend on the wall clock.
    package typealias Instant = ContinuousClock.Instant

    /// Identifies a waiting request.
    package struct Ticket: Hashable, Sendable {
        /// Ascending in order of arrival, and unique within a batcher.
        package let rawValue: UInt64

        @inlinable
        package init(rawValue: UInt64) {
            self.rawValue = rawValue
        }
    }

    @usableFromInline
    struct Waiting {
        @usableFromInline let ticket: Ticket
        @usableFromInline let entry: Entry
        @usableFromInline let weight: Int
        @usableFromInline let deadline: Instant

        @inlinable
        init(ticket: Ticket, entry: Entry, weight: Int, deadline: Instant) {
            self.ticket = ticket
            self.entry = entry
            self.weight = weight
            self.deadline = deadline
        }
    }

    /// One queue per kind of request, each in order of arrival.
    @usableFromInline var queues: [[Waiting]]
    /// The queue that the next batch serves first.
    @usableFromInline var turn = 0
    @usableFromInline var isRunning = false
    @usableFromInline var isWatched = false
    /// Counts batches; `waiting` stays 0, because the queues know it.
    @usableFromInline var counts = WriteLoad()
    @usableFromInline let maximumBatch: Int
    @usableFromInline let maximumWaiting: Int

    /// - Parameters:
    ///   - maximumBatch: The maximum weight of a batch, at least 1; a heavier request runs alone.
    ///   - maximumWaiting: How many requests may wait in each queue; further ones are rejected.
    ///   - queueCount: The number of kinds of requests, at least 1.
    @inlinable
    package init(maximumBatch: Int, maximumWaiting: Int, queueCount: Int = 1) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
        queues = Array(repeating: [], count: queueCount)
    }

    /// Over all queues; requests of a running batch no longer count.
    @inlinable
    package var waitingCount: Int {
        queues.reduce(0) { $0 + $1.count }
    }

    /// What waits, and the batches so far.
    @inlinable
    package var load: WriteLoad {
        var load = counts
        load.waiting = waitingCount
        return load
    }

    /// What the caller of `add` must do next.
    package enum AddAction {
        /// The request waits, and the caller must start to run batches.
        case run
        /// The request waits, and the caller must start to watch deadlines.
        case waitAndWatch
        /// The request waits, and others already run batches and watch deadlines.
        case wait
        /// The queue is full, and the request was not added.
        case refuse
    }

    /// Queues a request, unless its queue is full.
    ///
    /// - Parameters:
    ///   - weight: The request's share of `maximumBatch`, at least 1.
    ///   - queue: The index of the queue for the request's kind, from 0.
    ///   - deadline: When to give up if the request still waits; never earlier than that of a previous request.
    @inlinable
    package mutating func add(
        _ entry: Entry,
        _ ticket: Ticket,
        weight: Int = 1,
        queue: Int = 0,
        deadline: Instant
    ) -> AddAction {
        guard queues[queue].count < maximumWaiting else { return .refuse }
        queues[queue].append(Waiting(ticket: ticket, entry: entry, weight: weight, deadline: deadline))
        if !isRunning {
            isRunning = true
            return .run
        }
        if !isWatched {
            isWatched = true
            return .waitAndWatch
        }
        return .wait
    }

    /// Returns the next batch in order of arrival; nil if nothing waits, which ends the run.
    @inlinable
    package mutating func next() -> [Entry]? {
        let busy = queues.indices.map { ($0 + turn) % queues.count }.filter { !queues[$0].isEmpty }
        guard !busy.isEmpty else {
            isRunning = false
            return nil
        }
        // If a batch cannot hold all queues, each queue still comes first in turn.
        turn = (turn + 1) % queues.count
        let share = max(1, maximumBatch / busy.count)
        var batch: [Waiting] = []
        var weight = 0
        for queue in busy {
            var (count, ownWeight) = (0, 0)
            for request in queues[queue] {
                ownWeight += request.weight
                if count > 0, ownWeight > share { break }
                if !batch.isEmpty, weight + request.weight > maximumBatch { break }
                weight += request.weight
                batch.append(request)
                count += 1
            }
            queues[queue].removeFirst(count)
        }
        if busy.count > 1 {
            batch.sort { $0.ticket.rawValue < $1.ticket.rawValue }
        }
        counts.addBatch(of: batch.count)
        return batch.map(\.entry)
    }

    /// Removes the requests whose deadline has passed.
    ///
    /// - Returns: The removed requests, and when to check again; nil ends the watch.
    @inlinable
    package mutating func expire(at now: Instant) -> (expired: [Entry], next: Instant?) {
        var expired: [Entry] = []
        for queue in queues.indices {
            let count = queues[queue].prefix { $0.deadline <= now }.count
            expired += queues[queue].prefix(count).map(\.entry)
            queues[queue].removeFirst(count)
        }
        let next = queues.compactMap(\.first?.deadline).min()
        isWatched = next != nil
        return (expired, next)
    }

    /// Removes a waiting request; nil if it no longer waits.
    @inlinable
    package mutating func withdraw(_ ticket: Ticket) -> Entry? {
        for queue in queues.indices {
            if let index = queues[queue].firstIndex(where: { $0.ticket == ticket }) {
                return queues[queue].remove(at: index).entry
            }
        }
        return nil
    }
}

/// Limits on the requests that a batcher accepts.
package struct BatchLimits: Sendable {
    /// The maximum weight of a batch, at least 1; nearly all requests weigh 1.
    package var maximumBatch: Int
    /// How many requests of a kind may wait; further ones are rejected at once.
    package var maximumWaiting: Int
    /// How long a request may wait before it fails with `StoreError.unavailable`.
    package var queueTimeout: Duration

    package init(maximumBatch: Int = 256, maximumWaiting: Int = 4_096, queueTimeout: Duration = .seconds(5)) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
        self.queueTimeout = queueTimeout
    }
}
