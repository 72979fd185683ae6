/// Chats read in one snapshot.
package struct ChatSnapshot: Equatable, Sendable {
    /// In any order.
    package let heads: [LogHead]
    package let epoch: Epoch

    package init(heads: [LogHead], epoch: Epoch) {
        self.heads = heads
        self.epoch = epoch
    }

    package var chats: [Chat] {
        heads.map(\.chat)
    }
}
