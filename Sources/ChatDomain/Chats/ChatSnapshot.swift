/// Several chats, read in one snapshot.
package struct ChatSnapshot: Equatable, Sendable {
    /// In no particular order.
    package let heads: [LogHead]
    /// The database's epoch in that snapshot.
    package let epoch: Epoch

    package init(heads: [LogHead], epoch: Epoch) {
        self.heads = heads
        self.epoch = epoch
    }

    /// The chats without the instants at which their logs end, in the order of `heads`.
    package var chats: [Chat] {
        heads.map(\.chat)
    }
}
