/// A chat as it appears in the inbox of one of its members.
package struct InboxEntry: Equatable, Sendable {
    package let chat: Chat
    /// The newest message that is not deleted; nil if there is none.
    package let lastMessage: Message?
    /// What the member has read.
    package let state: ReadState

    package init(chat: Chat, lastMessage: Message?, state: ReadState) {
        self.chat = chat
        self.lastMessage = lastMessage
        self.state = state
    }
}

/// Entries of an inbox, read in one snapshot.
package struct InboxEntries: Equatable, Sendable {
    /// By chat.
    package let entries: [ChatID: InboxEntry]
    /// The database's epoch in the snapshot.
    package let epoch: Epoch

    package init(entries: [ChatID: InboxEntry], epoch: Epoch) {
        self.entries = entries
        self.epoch = epoch
    }
}
