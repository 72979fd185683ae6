/// What has become of a batch of writes.
package struct RecordedBatch: Sendable {
    /// What each requester is told, in the order of the requests.
    package var results: [Result<WriteAnswer, StoreError>]
    /// What the batch has appended to chats that it has not deleted; of each chat in the order of the positions, without a
    /// hole.
    package var entries: [LogEntry]
    /// The epoch of the entries; nil if there are none.
    package var epoch: Epoch?
    package var createdChats: [ChatID]
    package var deletedChats: Set<ChatID>
    /// Whether text that readers could see was replaced or removed.
    package var erasesText: Bool

    package init(
        results: [Result<WriteAnswer, StoreError>],
        entries: [LogEntry],
        epoch: Epoch?,
        createdChats: [ChatID],
        deletedChats: Set<ChatID>,
        erasesText: Bool
    ) {
        self.results = results
        self.entries = entries
        self.epoch = epoch
        self.createdChats = createdChats
        self.deletedChats = deletedChats
        self.erasesText = erasesText
    }
}
