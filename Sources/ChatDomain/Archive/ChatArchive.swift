/// Takes chats out of a database and puts them into another one, with their ids, positions and instants.
///
/// What every store guarantees, and the archive's tests prove:
/// - Importing what is there already changes nothing. Where the archive's log is longer, it goes on, and messages that were
///   edited or deleted in the archive become what they are there; one that is newer in the store stays as it is.
/// - A batch is imported whole or not at all, and a reader sees a chat without a hole, as far as it has come.
/// - Ids that are given afterwards are beyond every one that was imported.
package protocol ChatArchive: Sendable {
    /// The chats with ids above `id`, in the order of their ids.
    ///
    /// - Parameter limit: The most chats to return, at least 1.
    func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat]

    /// Reads a chat's log from behind a position on, in one snapshot.
    ///
    /// - Parameter limit: The most entries to return, at least 1.
    /// - Throws: `StoreError.chatNotFound` also when the chat is deleted by now.
    func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry]

    /// - Parameters:
    ///   - stretches: Each of another chat.
    ///   - skipsConflicts: Whether to import the rest of a batch with conflicts, instead of nothing: of a chat with a
    ///     conflict, the entries before it.
    func importBatch(_ stretches: [ArchivedStretch], skipsConflicts: Bool) async throws(StoreError) -> ImportResult

    /// Reads what is stored of a batch, without keeping anyone from changing it.
    func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.PriorState

    /// Gives the history a new epoch, by which readers learn that it may have gone backward.
    func renewEpoch() async throws(StoreError) -> Epoch
}

/// How much an import has added.
package struct ImportCount: Equatable, Sendable {
    package var chats: Int64
    package var entries: Int64

    package init(chats: Int64 = 0, entries: Int64 = 0) {
        self.chats = chats
        self.entries = entries
    }
}

/// What has become of a batch of an import.
package struct ImportResult: Equatable, Sendable {
    /// What was not there before.
    package let added: ImportCount
    /// What was not imported and why, at most once for each chat.
    package let conflicts: [ImportConflict]

    package init(added: ImportCount, conflicts: [ImportConflict] = []) {
        self.added = added
        self.conflicts = conflicts
    }
}

/// What stands in the way of importing a chat or the rest of its log, in words for the person who runs it.
package struct ImportConflict: Error, Equatable {
    package let chatID: ChatID
    /// The first entry that cannot be imported; nil if the chat itself cannot.
    package let position: Position?
    package let reason: String
}

/// A chat with all that a store keeps of it beside its log.
package struct ArchivedChat: Equatable, Sendable {
    /// As the archive has it: an import uses its end to tell whether the archive's log is longer than the stored one.
    package var head: LogHead
    /// What the request that created the chat is known by.
    package let idempotency: Idempotency?

    package init(head: LogHead, idempotency: Idempotency? = nil) {
        self.head = head
        self.idempotency = idempotency
    }

    package var id: ChatID {
        head.chat.id
    }

    /// The chat as it was before its first entry.
    package var withoutLog: LogHead {
        let chat = head.chat
        return LogHead(
            chat: Chat(id: chat.id, title: chat.title, metadata: chat.metadata, createdAt: chat.createdAt),
            instant: chat.createdAt
        )
    }
}

/// One entry of a chat's log with all that a store keeps of it.
package enum ArchivedEntry: Equatable, Sendable {
    /// A message as it stands now, at the position at which it was posted.
    case message(Message, Idempotency?)
    case change(LogRecord)

    package var chatID: ChatID {
        switch self {
        case .message(let message, _): message.chatID
        case .change(let change): change.chatID
        }
    }

    package var position: Position {
        switch self {
        case .message(let message, _): message.position
        case .change(let change): change.position
        }
    }

    package var instant: Instant {
        switch self {
        case .message(let message, _): message.createdAt
        case .change(let change): change.instant
        }
    }
}

/// Entries of a chat's log on their way into a store, in the order of their positions and without a hole.
package struct ArchivedStretch: Equatable, Sendable {
    package var chat: ArchivedChat
    package var entries: [ArchivedEntry]

    package init(chat: ArchivedChat, entries: [ArchivedEntry] = []) {
        self.chat = chat
        self.entries = entries
    }
}

extension [ArchivedEntry] {
    /// The first entries behind a position, from the first of either kind.
    ///
    /// - Parameter limit: How many there are of each kind at the most, and of both together afterwards.
    package init(merging messages: [ArchivedEntry], _ changes: [ArchivedEntry], limit: Int) {
        self = Array((messages + changes).sorted { $0.position < $1.position }.prefix(limit))
    }
}
