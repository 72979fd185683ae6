/// Which chats are in a user's inbox, and when each of them last changed, read in one snapshot.
///
/// Time is counted in activity numbers: on SQLite, the number of the transaction; on PostgreSQL, its id, in whose order
/// transactions do not commit.
package struct InboxIndex: Equatable, Sendable {
    /// When a chat or the user's membership of it last changed.
    package struct Change: Hashable, Sendable {
        package let chatID: ChatID
        /// 0 if that was in another database, before a restore.
        package let activity: Int64

        package init(chatID: ChatID, activity: Int64) {
            self.chatID = chatID
            self.activity = activity
        }
    }

    /// The chats of which the user is a member, in no particular order.
    package let chats: [Change]
    /// Chats that the user has left, or that were deleted, since the number that the read asked for.
    ///
    /// It may contain chats that the user joined again.
    package let left: [Change]
    /// What a reader of this snapshot has seen.
    package let mark: InboxMark
    /// The database's epoch in the snapshot.
    package let epoch: Epoch

    package init(chats: [Change], left: [Change], mark: InboxMark, epoch: Epoch) {
        self.chats = chats
        self.left = left
        self.mark = mark
        self.epoch = epoch
    }
}

/// What a reader of an inbox has seen.
///
/// A transaction may commit after one with a greater number, so there is no single number up to which everything has
/// been seen and after which nothing has.
package struct InboxMark: Hashable, Sendable {
    /// The reader has seen every change with a lower activity number.
    package let floor: Int64
    /// The reader has seen no change with this activity number or a greater one.
    package let top: Int64

    /// - Parameter top: At least `floor`.
    package init(floor: Int64, top: Int64) {
        self.floor = floor
        self.top = top
    }

    /// Nothing has been seen.
    package static let start = InboxMark(floor: 0, top: 0)
}
