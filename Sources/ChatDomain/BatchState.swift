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
        @usableFromInline let deadline: Instant

        @inlinable
        init(ticket: Ticket, entry: Entry, deadline: Instant) {
            self.ticket = ticket
            self.entry = entry
            self.deadline = deadline
        }
    }

    @usableFromInline var waiting: [Waiting] = []
    @usableFromInline var isRunning = false
    @usableFromInline let maximumBatch: Int
    @usableFromInline let maximumWaiting: Int

    /// - Parameters:
    ///   - maximumBatch: How many requests run together at the most, at least 1.
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
        case wait
        case refuse
    }

    /// - Parameter deadline: When the request is to be given up if it still waits.
    @inlinable
    package mutating func add(_ entry: Entry, _ ticket: Ticket, deadline: Instant) -> AddAction {
        guard waiting.count < maximumWaiting else { return .refuse }
        waiting.append(Waiting(ticket: ticket, entry: entry, deadline: deadline))
        if isRunning { return .wait }
        isRunning = true
        return .run
    }

    /// The next batch, in the order of arrival, and those whose time ran out before their turn; nil ends the running.
    @inlinable
    package mutating func next(at now: Instant) -> (batch: [Entry], expired: [Entry])? {
        guard !waiting.isEmpty else {
            isRunning = false
            return nil
        }
        var batch: [Entry] = []
        var expired: [Entry] = []
        var count = 0
        for request in waiting {
            if batch.count == maximumBatch { break }
            count += 1
            if request.deadline < now {
                expired.append(request.entry)
            } else {
                batch.append(request.entry)
            }
        }
        waiting.removeFirst(count)
        return (batch, expired)
    }

    /// Takes a request back; nil if it does not wait any more.
    @inlinable
    package mutating func withdraw(_ ticket: Ticket) -> Entry? {
        waiting.firstIndex { $0.ticket == ticket }.map { waiting.remove(at: $0).entry }
    }
}
