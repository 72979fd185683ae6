/// Chats read in one snapshot.
package struct ChatSnapshot: Equatable, Sendable {
    /// In any order.
    package let chats: [Chat]
    package let epoch: Epoch

    package init(chats: [Chat], epoch: Epoch) {
        self.chats = chats
        self.epoch = epoch
    }
}
