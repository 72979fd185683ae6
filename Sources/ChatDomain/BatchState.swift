/// What a batcher decides, without its I/O: who waits, what runs together, and who is turned away.
///
/// One batch runs at a time. There is no timer: what comes while a batch runs makes up the next one, and a request that
/// comes while none runs is a batch of its own.
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

    @usableFromInline var waiting: [Waiting] = []
    @usableFromInline var isRunning = false
    @usableFromInline var isWatched = false
    @usableFromInline let maximumBatch: Int
    @usableFromInline let maximumWaiting: Int

    /// - Parameters:
    ///   - maximumBatch: What the requests that run together may weigh, at least 1; one that is heavier runs alone.
    ///   - maximumWaiting: How many may wait; a further one is refused.
    @inlinable
    package init(maximumBatch: Int, maximumWaiting: Int) {
        self.maximumBatch = maximumBatch
        self.maximumWaiting = maximumWaiting
    }

    @inlinable
    package var waitingCount: Int {
        waiting.count
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
    ///   - deadline: When the request is to be given up if it still waits; no earlier than that of any before it.
    @inlinable
    package mutating func add(_ entry: Entry, _ ticket: Ticket, weight: Int = 1, deadline: Instant) -> AddAction {
        guard waiting.count < maximumWaiting else { return .refuse }
        waiting.append(Waiting(ticket: ticket, entry: entry, weight: weight, deadline: deadline))
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
        guard !waiting.isEmpty else {
            isRunning = false
            return nil
        }
        var batch: [Entry] = []
        var weight = 0
        for request in waiting {
            weight += request.weight
            if weight > maximumBatch, !batch.isEmpty { break }
            batch.append(request.entry)
        }
        waiting.removeFirst(batch.count)
        return batch
    }

    /// Takes back those whose time has run out.
    ///
    /// - Returns: Them, and when to look again; nil ends the watching.
    @inlinable
    package mutating func expire(at now: Instant) -> (expired: [Entry], next: Instant?) {
        let count = waiting.prefix { $0.deadline <= now }.count
        let expired = waiting.prefix(count).map(\.entry)
        waiting.removeFirst(count)
        isWatched = !waiting.isEmpty
        return (expired, waiting.first?.deadline)
    }

    /// Takes a request back; nil if it does not wait any more.
    @inlinable
    package mutating func withdraw(_ ticket: Ticket) -> Entry? {
        waiting.firstIndex { $0.ticket == ticket }.map { waiting.remove(at: $0).entry }
    }
}
