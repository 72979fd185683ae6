/// How much a process delivers to its subscribers, and how far they are behind.
package struct DeliveryLoad: Sendable {
    /// Entries that were not sent yet, over all connections.
    package var lag: Int64 = 0
    /// The same for the connection that lags the most.
    package var longestLag: Int64 = 0
    /// Connections that accept no more for now.
    package var stalled = 0
    /// Entries, notices and pieces of text sent since the process started.
    package var sent = 0
    /// Connections that were disconnected because they were too slow.
    package var disconnected = 0

    static func + (one: DeliveryLoad, other: DeliveryLoad) -> DeliveryLoad {
        var sum = one
        sum.lag += other.lag
        sum.longestLag = max(one.longestLag, other.longestLag)
        sum.stalled += other.stalled
        sum.sent += other.sent
        sum.disconnected += other.disconnected
        return sum
    }
}
