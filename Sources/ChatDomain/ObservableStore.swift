/// Tells operators about a store, without a query.
package protocol ObservableStore: Sendable {
    /// The database in use.
    var kind: StoreKind { get }
    /// The writes of this process; other processes on the same database have their own.
    var writeLoad: WriteLoad { get }
    /// What else this process does with the database at the moment.
    var databaseLoad: DatabaseLoad { get }
}

/// A supported database.
package enum StoreKind: String, CaseIterable, Sendable {
    case sqlite, postgresql
}

/// How much a process writes, over all its shards.
package struct WriteLoad: Hashable, Sendable {
    /// Requests that no batch has picked up yet.
    package var waiting = 0
    /// Batches since the process started.
    package var batches = 0
    /// Requests in those batches.
    package var requests = 0
    /// Requests in the largest of them.
    package var largestBatch = 0

    package init() {}

    /// Counts a batch.
    package mutating func addBatch(of count: Int) {
        batches += 1
        requests += count
        largestBatch = max(largestBatch, count)
    }

    static func + (one: WriteLoad, other: WriteLoad) -> WriteLoad {
        var sum = one
        sum.waiting += other.waiting
        sum.batches += other.batches
        sum.requests += other.requests
        sum.largestBatch = max(one.largestBatch, other.largestBatch)
        return sum
    }
}
