/// What one transaction writes to chats and their logs.
///
/// `BatchPlan` and `ImportPlan` decide it, and each store writes the parts in the order in which they are declared.
package struct LogWrites: Sendable {
    /// A message to insert at its position; it has no id yet.
    package struct Append: Sendable {
        package let chatID: ChatID
        package let position: Position
        package let createdAt: Instant
        package let draft: MessageDraft
    }

    /// A chat to insert; it has no id yet.
    package struct Creation: Sendable {
        package let draft: ChatDraft
        package let createdAt: Instant
    }

    /// Chats of an archive, inserted as they were before their first entry.
    package var importedChats: [ArchivedChat] = []
    /// Messages of an archive.
    package var importedMessages: [(message: Message, idempotency: Idempotency?)] = []
    /// New messages, in the order in which they get their ids.
    package var appends: [Append] = []
    /// The other new entries.
    package var changes: [LogRecord] = []
    /// The stored messages that change, as they are afterward.
    package var editedMessages: [BatchPlan.MessageReference: Message] = [:]
    /// The ends of the logs that change, as they are afterward.
    package var movedHeads: [ChatID: LogHead] = [:]
    /// The chats among them whose title or metadata change.
    package var editedChats: Set<ChatID> = []
    /// The chats to remove with all their entries.
    package var removedChats: Set<ChatID> = []
    /// The chats that are too large for that: hidden from every reader now, and purged later.
    package var hiddenChats: Set<ChatID> = []
    /// New chats, in the order in which they get their ids, after removed chats have released their keys.
    package var creations: [Creation] = []
    /// Whether to purge a bounded part of the hidden chats.
    package var purges = false

    package var isEmpty: Bool {
        importedChats.isEmpty && importedMessages.isEmpty && appends.isEmpty && changes.isEmpty
            && editedMessages.isEmpty && movedHeads.isEmpty && creations.isEmpty && deletedChats.isEmpty && !purges
    }

    /// Whether text that readers could see is replaced or removed.
    package var erasesText: Bool {
        !editedMessages.isEmpty || !editedChats.isEmpty || !deletedChats.isEmpty || purges
    }

    package var deletedChats: Set<ChatID> {
        removedChats.union(hiddenChats)
    }

    /// The messages that become tombstones, in the order of their positions.
    package var deletedMessages: [Message] {
        (importedMessages.map(\.message) + editedMessages.values).filter(\.isDeleted)
            .sorted { $0.position < $1.position }
    }

    /// The chats whose title or metadata change, as they are afterward.
    package var editedChatValues: [Chat] {
        editedChats.compactMap { movedHeads[$0]?.chat }
    }

    /// What only the store knows once it has carried out the writes.
    package struct Written: Sendable {
        /// The ids of `appends`, in their order.
        package var messageIDs: [MessageID]
        /// The ids of `creations`, in their order; nil if they were lost with the connection.
        package var chatIDs: [ChatID]?
        package var hasMoreToPurge: Bool

        package init(messageIDs: [MessageID] = [], chatIDs: [ChatID]? = [], hasMoreToPurge: Bool = false) {
            self.messageIDs = messageIDs
            self.chatIDs = chatIDs
            self.hasMoreToPurge = hasMoreToPurge
        }
    }
}
