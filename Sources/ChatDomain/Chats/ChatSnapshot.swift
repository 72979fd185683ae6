/// Several chats, read in one snapshot.
package struct ChatSnapshot: Equatable, Sendable {
    /// In no particular order.
    package private(set) var heads: [LogHead]
    /// The caller's roles as a member, in those of the chats in which the caller's rights alone do not suffice.
    package let memberships: [ChatID: ChatRole]
    /// The database's epoch in that snapshot.
    package let epoch: Epoch

    /// Leaves out the chats that the caller may not read.
    package init(heads: [LogHead], memberships: [ChatID: ChatRole] = [:], epoch: Epoch, by caller: Caller) {
        self.heads = heads.filter { head in
            caller.decide(.read, in: head.chat, membership: memberships[head.chat.id]) == .allowed
        }
        self.memberships = memberships
        self.epoch = epoch
    }

    /// The chats without the instants at which their logs end, in the order of `heads`.
    package var chats: [Chat] {
        heads.map(\.chat)
    }

    /// Removes the chats that the caller may read only because they are open, and so does not list.
    package mutating func removeUnlisted(for caller: Caller) {
        heads.removeAll { head in
            caller.membership(for: .read, in: head.chat.id) != nil && memberships[head.chat.id] == nil
        }
    }
}
