/// What a batcher decides, without its I/O: who waits, what runs together, and who is turned away.
///
/// One batch runs at a time. There is no timer: what comes while a batch runs makes up the next one, and a request that
/// comes while none runs is a batch of its own.
///
/// Requests of different kinds wait in queues of their own. While several queues have requests, each has an equal share of
/// the batch, so a flood of one kind neither fills another kind's queue nor delays it by more than a batch.
package struct BatchState<Entry> {
    package typealias Instant = ContinuousClock.Instant

    /// Names one request while it waits.
    package struct Ticket: Hashable, Sendable {
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

    /// Each queue in the order of arrival.
    @usableFromInline var queues: [[Waiting]]
    /// The queue that is served first.
    @usableFromInline var turn = 0
    @usableFromInline var isRunning = false
    @usableFromInline var isWatched = false
    @usableFromInline let maximumBatch: Int
    @usableFromInline let maximumWaiting: Int

    /// - Parameters:
    ///   - maximumBatch: What the requests that run together may weigh, at least 1; one that is heavier runs alone.
    ///   - maximumWaiting: How many may wait in each queue; a further one is refused.
    ///   - queueCount: How many kinds of requests there are, at least 1.
    @inlinable
    package init(maximumBatch: Int, maximumWaiting: Int, queueCount: Int = 1) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
        queues = Array(repeating: [], count: queueCount)
    }

    @inlinable
    package var waitingCount: Int {
        queues.reduce(0) { $0 + $1.count }
    }

    package enum AddAction {
        /// The request waits, and whoever added it must begin to run batches.
        case run
        /// The request waits, and whoever added it must see to it that those whose time runs out are told.
        case waitAndWatch
        case wait
        case refuse
    }

    /// - Parameters:
    ///   - weight: How much of a batch the request takes up, at least 1.
    ///   - queue: The queue of the request's kind, from 0.
    ///   - deadline: When the request is to be given up if it still waits; no earlier than that of any before it.
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

    /// The next batch, in the order of arrival; nil ends the running.
    @inlinable
    package mutating func next() -> [Entry]? {
        let busy = queues.indices.map { ($0 + turn) % queues.count }.filter { !queues[$0].isEmpty }
        guard !busy.isEmpty else {
            isRunning = false
            return nil
        }
        // Where not every queue has its place in a batch, each is the first in turn.
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
        return batch.map(\.entry)
    }

    /// Takes back those whose time has run out.
    ///
    /// - Returns: Them, and when to look again; nil ends the watching.
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

    /// Takes a request back; nil if it does not wait any more.
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

/// How much a batcher takes on.
package struct BatchLimits: Sendable {
    /// What the requests that run together may weigh, at least 1; nearly all requests weigh 1.
    package var maximumBatch: Int
    /// How many requests of a kind may wait for their turn; a further one is refused at once.
    package var maximumWaiting: Int
    /// How long a request may wait for its turn.
    package var patience: Duration

    package init(maximumBatch: Int = 256, maximumWaiting: Int = 4_096, patience: Duration = .seconds(5)) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
        self.patience = patience
    }
}
