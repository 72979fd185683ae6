/// Exports users and chats from a database and imports them into another, with their ids, positions and instants.
///
/// Every store guarantees the following, and the archive's tests prove it:
/// - Importing the same data twice changes nothing. If the archive's log is longer, the import appends the missing
///   entries, and messages edited or deleted in the archive take the archive's state. A chat that is newer in the store
///   stays as it is.
/// - A batch is imported entirely or not at all, and a reader sees the imported part of a chat without gaps.
/// - An archive has no memberships: an import derives them from the log's entries, as the service did. Read markers,
///   which no log contains, follow the entries. An import moves a marker forward only, unless it is still where joining
///   put it.
/// - Ids assigned after an import are greater than every imported id.
package protocol ChatArchive: Sendable {
    /// Returns up to `limit` users with ids above `id`, in the order of the ids' bytes; nil starts with the first user.
    ///
    /// - Parameter limit: The maximum number of users, at least 1.
    func archivedUsers(after id: UserID?, limit: Int) async throws(StoreError) -> [User]

    /// Returns up to `limit` chats with ids above `id`, in id order.
    ///
    /// - Parameter limit: The maximum number of chats, at least 1.
    func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat]

    /// Reads the entries after a position, in position order and in one snapshot.
    ///
    /// - Parameter limit: The maximum number of entries, at least 1.
    /// - Throws: `StoreError.chatNotFound` if the chat does not exist or was deleted since it was listed.
    func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry]

    /// Returns up to `limit` read markers of a chat's members, and of users who left, with ids above `user`, in the order
    /// of the ids' bytes; nil starts with the first.
    ///
    /// - Parameter limit: The maximum number of markers, at least 1.
    /// - Returns: None if the chat does not exist.
    func archivedReadMarkers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int
    ) async throws(StoreError) -> [ReadMarker]

    /// Adds the users whose ids are not taken, in one transaction; the others stay as they are.
    ///
    /// This does not change access: a server that has cached a user's standing has already created that user.
    ///
    /// - Returns: The number of users added.
    func importUsers(_ users: [User]) async throws(StoreError) -> Int64

    /// Imports a batch in one transaction.
    ///
    /// - Parameters:
    ///   - stretches: At most one per chat.
    ///   - skipsConflicts: If false, a conflict keeps the whole batch from being imported. If true, only the
    ///     conflicting chats are affected: their entries before the conflict are still imported.
    /// - Returns: What was added, and every conflict found. Conflicts are reported here, not thrown.
    func importBatch(_ stretches: [ArchivedStretch], skipsConflicts: Bool) async throws(StoreError) -> ImportResult

    /// Reads the stored state that planning a batch depends on, without locking it.
    ///
    /// A dry run uses it; a real import reads the same state inside its transaction.
    func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.PriorState

    /// Assigns the database a new random epoch, which tells readers that its history may have gone backward.
    ///
    /// - Returns: The new epoch.
    func renewEpoch() async throws(StoreError) -> Epoch
}

/// The number of users, chats and log entries that an import added.
package struct ImportCount: Equatable, Sendable {
    /// Users that did not exist before.
    package var users: Int64
    /// Chats that did not exist before; a chat that only got longer does not count.
    package var chats: Int64
    /// Messages and changes together.
    package var entries: Int64

    package init(users: Int64 = 0, chats: Int64 = 0, entries: Int64 = 0) {
        self.users = users
        self.chats = chats
        self.entries = entries
    }
}

/// The result of importing one batch.
package struct ImportResult: Equatable, Sendable {
    /// What the batch added; zero if a conflict kept it from being imported.
    package let added: ImportCount
    /// What could not be imported and why, at most one conflict per chat.
    package let conflicts: [ImportConflict]

    package init(added: ImportCount, conflicts: [ImportConflict] = []) {
        self.added = added
        self.conflicts = conflicts
    }
}

/// The reason why a chat, or the rest of its log, cannot be imported.
package struct ImportConflict: Error, Equatable {
    /// The chat in the archive, which has the same id in the store.
    package let chatID: ChatID
    /// The first entry that cannot be imported; nil if the chat itself cannot be.
    package let position: Position?
    /// A message for the person who runs the import.
    package let reason: String
}

/// A chat with everything a store keeps about it except its log.
package struct ArchivedChat: Equatable, Sendable {
    /// The chat's state in the archive.
    ///
    /// An import compares its last position with the stored one to tell which log is longer.
    package var head: LogHead
    /// The key and fingerprint of the request that created the chat; nil if it had no key.
    package let idempotency: Idempotency?
    /// The user to whom the key belongs; nil without a key or if the caller was anonymous.
    package let keyAuthor: UserID?

    package init(head: LogHead, idempotency: Idempotency? = nil, keyAuthor: UserID? = nil) {
        self.head = head
        self.idempotency = idempotency
        self.keyAuthor = keyAuthor
    }

    /// The id, which an import keeps.
    package var id: ChatID {
        head.chat.id
    }

    /// The chat with an empty log: the state in which an import inserts it.
    ///
    /// The title, the metadata and the settings are the archive's current ones, because a log does not record earlier
    /// ones.
    package var withoutLog: LogHead {
        let chat = head.chat
        return LogHead(
            chat: Chat(
                id: chat.id,
                title: chat.title,
                metadata: chat.metadata,
                visibility: chat.visibility,
                receipts: chat.receipts,
                slowMode: chat.slowMode,
                createdAt: chat.createdAt
            ),
            instant: chat.createdAt
        )
    }
}

/// One entry of a chat's log with everything a store keeps about it.
package enum ArchivedEntry: Equatable, Sendable {
    /// A message in its current state, at the position where it was posted.
    ///
    /// If it has an idempotency key, it also has the fingerprint of the request's content, which is 0 once the message
    /// is deleted.
    case message(Message, fingerprint: Int64?)
    /// Any entry other than a new message.
    case change(LogRecord)

    /// The chat whose log contains the entry.
    package var chatID: ChatID {
        switch self {
        case .message(let message, _): message.chatID
        case .change(let change): change.chatID
        }
    }

    /// The entry's own position; for a message, where it was posted.
    package var position: Position {
        switch self {
        case .message(let message, _): message.position
        case .change(let change): change.position
        }
    }

    /// When the entry was appended; for a message, when it was posted.
    package var instant: Instant {
        switch self {
        case .message(let message, _): message.createdAt
        case .change(let change): change.instant
        }
    }
}

/// A contiguous part of a chat's log to be imported, and read markers in it.
package struct ArchivedStretch: Equatable, Sendable {
    /// The chat that the entries belong to; it is created if the store does not have it.
    package var chat: ArchivedChat
    /// In position order, without gaps.
    package var entries: [ArchivedEntry]
    /// Markers of users who never were members, and those behind a stored one that the user has moved, change nothing.
    package var readMarkers: [ReadMarker]

    package init(chat: ArchivedChat, entries: [ArchivedEntry] = [], readMarkers: [ReadMarker] = []) {
        self.chat = chat
        self.entries = entries
        self.readMarkers = readMarkers
    }
}

extension [ArchivedEntry] {
    /// Merges messages and changes read after the same position into one list, in position order.
    ///
    /// - Parameter limit: The maximum number of entries to keep. Each input must hold the first `limit` entries of its
    ///   kind, or all if there are fewer.
    package init(merging messages: [ArchivedEntry], _ changes: [ArchivedEntry], limit: Int) {
        self = Array((messages + changes).sorted { $0.position < $1.position }.prefix(limit))
    }
}
