/// Everything that one transaction writes to chats and their logs.
///
/// `BatchPlan` and `ImportPlan` decide it, and each store writes the parts in the order of their declaration.
package struct LogWrites: Sendable {
    /// A message to insert at its position; the store assigns its id.
    package struct Append: Sendable {
        /// An existing chat, whose head the same transaction advances.
        package let chatID: ChatID
        /// Assigned by the plan, right after the log's previous end.
        package let position: Position
        /// The user who posted it; nil if the caller was anonymous.
        package let author: UserID?
        /// Never earlier than the log's previous end.
        package let createdAt: Instant
        /// Validated; a reply's target exists.
        package let draft: MessageDraft

        /// Nil unless the message is posted open.
        package var stream: MessageStream? {
            draft.ttl.map { .open(StreamWriter(ttl: $0, expiresAt: createdAt.advanced(by: $0.duration))) }
        }
    }

    /// A chat to insert; the store assigns its id.
    package struct Creation: Sendable {
        /// The user who created it; nil if the caller was anonymous.
        package let author: UserID?
        /// Validated, and its idempotency key is free.
        package let draft: ChatDraft
        /// The instant of the batch.
        package let createdAt: Instant

        /// The user to whom the draft's idempotency key belongs; nil if the caller was anonymous.
        package var keyAuthor: UserID? {
            draft.keyAuthor(by: author)
        }

        /// The entries with which the log begins: the creator joins as the owner, and then the other members.
        private var joins: [MemberEntry] {
            if let pair = draft.direct { return [.joined([pair.first, pair.second], as: .member)] }
            let others = draft.members?.ids.filter { $0 != author } ?? []
            return [
                author.map { .joined([$0], as: .owner) },
                others.isEmpty ? nil : .joined(others, as: .member),
            ].compactMap(\.self)
        }

        /// The position of the last of these entries; 0 if there are none.
        package var lastPosition: Position {
            Position(rawValue: Int64(joins.count))
        }

        /// The entries with which the log begins, in position order.
        package func records(of chat: ChatID) -> [LogRecord] {
            joins.enumerated().map { index, entry in
                LogRecord(entry, in: chat, at: Position(rawValue: Int64(index + 1)), by: author, createdAt)
            }
        }

        /// The members with whom the chat begins.
        package func members(of chat: ChatID) -> [Member] {
            joins.enumerated().flatMap { index, entry in
                entry.members(of: chat, at: Position(rawValue: Int64(index + 1))) { _ in nil }
            }
        }

        /// The chat as it is created.
        package func chat(_ id: ChatID) -> Chat {
            Chat(
                id: id,
                title: draft.title.value,
                metadata: draft.metadata,
                visibility: draft.visibility,
                receipts: draft.receipts,
                createdAt: createdAt,
                lastPosition: lastPosition
            )
        }
    }

    /// Chats of an archive, inserted with an empty log.
    package var importedChats: [ArchivedChat] = []
    /// Messages of an archive, inserted with their own ids.
    package var importedMessages: [(message: Message, fingerprint: Int64?)] = []
    /// New messages, in the order of the ids they are assigned.
    package var appends: [Append] = []
    /// New log entries other than messages.
    package var changes: [LogRecord] = []
    /// Memberships that `changes` creates or changes, or whose read markers move, in their new state.
    package var members: [MemberReference: Member] = [:]
    /// Stored messages that change, in their new state.
    package var editedMessages: [BatchPlan.MessageReference: Message] = [:]
    /// The new heads of the logs that change.
    package var movedHeads: [ChatID: LogHead] = [:]
    /// Those of `movedHeads` whose title, metadata or settings change.
    package var editedChats: Set<ChatID> = []
    /// Chats to remove with all their entries.
    package var removedChats: Set<ChatID> = []
    /// Chats too large to remove in one batch: hidden from all readers now and purged later.
    package var hiddenChats: Set<ChatID> = []
    /// New chats, in the order of the ids they are assigned; inserted after removed chats have released their keys.
    package var creations: [Creation] = []
    /// Whether to run one purge step on hidden chats.
    package var purges = false
    /// Whether one of `editedMessages` loses text or metadata that readers could see.
    package var replacesText = false

    /// True if all requests were rejected, replayed or changed nothing.
    package var isEmpty: Bool {
        importedChats.isEmpty && importedMessages.isEmpty && appends.isEmpty && changes.isEmpty && members.isEmpty
            && editedMessages.isEmpty && movedHeads.isEmpty && creations.isEmpty && deletedChats.isEmpty && !purges
    }

    /// Whether the transaction replaces or removes text that readers could see.
    ///
    /// SQLite then has to empty its write-ahead log.
    package var erasesText: Bool {
        replacesText || !editedChats.isEmpty || !deletedChats.isEmpty || purges
    }

    /// Existing chats that the transaction changes.
    package var changedChats: Set<ChatID> {
        deletedChats.union(movedHeads.keys).union(members.keys.map(\.chatID))
    }

    /// Chats that no longer exist for readers, whether removed or hidden.
    package var deletedChats: Set<ChatID> {
        removedChats.union(hiddenChats)
    }

    /// Messages that become or arrive as tombstones, in position order.
    package var deletedMessages: [Message] {
        (importedMessages.map(\.message) + editedMessages.values).filter(\.isDeleted)
            .sorted { $0.position < $1.position }
    }

    /// The chats of `editedChats` in their new state.
    package var editedChatValues: [Chat] {
        editedChats.compactMap { movedHeads[$0]?.chat }
    }

    /// What the store learns while it carries out the writes.
    package struct Written: Sendable {
        /// The ids of `appends`, in the same order.
        package var messageIDs: [MessageID]
        /// The ids of `creations`, in the same order; nil if they were lost with the connection.
        package var chatIDs: [ChatID]?
        /// Meaningful only if `purges` was set.
        package var hasMoreToPurge: Bool

        package init(messageIDs: [MessageID] = [], chatIDs: [ChatID]? = [], hasMoreToPurge: Bool = false) {
            self.messageIDs = messageIDs
            self.chatIDs = chatIDs
            self.hasMoreToPurge = hasMoreToPurge
        }
    }
}
