/// The result of a committed batch of writes.
package struct RecordedBatch: Sendable {
    /// The answer to each request, in request order.
    package var results: [Result<WriteAnswer, StoreError>]
    /// The entries that the batch appended, except to chats that it also created or deleted.
    ///
    /// Each chat's entries are in position order, without gaps.
    package var entries: [LogEntry]
    /// The epoch of `entries`; may be nil if there are none.
    package var epoch: Epoch?
    /// Only chats that this batch created, not replays.
    package var createdChats: [ChatID]
    /// Whether removed from disk or only hidden so far.
    package var deletedChats: Set<ChatID>
    /// Memberships that began, and those whose read markers moved without an entry in the chat.
    package var changedMemberships: [MemberReference]
    /// Whether text that readers could see was replaced or removed; SQLite then empties its write-ahead log.
    package var erasesText: Bool

    /// The chats that users joined, except those that the batch also created or deleted.
    package var joinedChats: Set<ChatID> {
        Set(entries.lazy.filter { $0.kind == .memberJoined }.map(\.subject.chatID))
    }

    package init(
        results: [Result<WriteAnswer, StoreError>],
        entries: [LogEntry],
        epoch: Epoch?,
        createdChats: [ChatID],
        deletedChats: Set<ChatID>,
        changedMemberships: [MemberReference] = [],
        erasesText: Bool
    ) {
        self.results = results
        self.entries = entries
        self.epoch = epoch
        self.createdChats = createdChats
        self.deletedChats = deletedChats
        self.changedMemberships = changedMemberships
        self.erasesText = erasesText
    }
}
