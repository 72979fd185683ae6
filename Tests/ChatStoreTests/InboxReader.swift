import ChatDomain

/// Follows an inbox as a client does: by what changed since the last read, never by reading everything again.
struct InboxReader {
    private let user: UserID
    private(set) var entries: [ChatID: InboxEntry] = [:]
    private var mark = InboxMark.start

    init(of user: UserID) {
        self.user = user
    }

    /// Reads what changed or may have.
    ///
    /// - Returns: The chats that changed since the last read, and those that the user lost since.
    @discardableResult
    mutating func read(_ store: any ServiceStore) async throws -> (changed: Set<ChatID>, left: Set<ChatID>) {
        let index = try await store.inboxIndex(of: user, leftSince: mark.floor)
        let changed = index.chats.filter { $0.activity >= mark.floor }
        let found = try await store.inboxEntries(of: user, in: changed.map(\.chatID))
        let isNew = { [top = mark.top] (change: InboxIndex.Change) in change.activity >= top }
        let joined = Set(index.chats.map(\.chatID))
        let left = index.left.filter { !joined.contains($0.chatID) }
        for change in changed {
            entries[change.chatID] = found.entries[change.chatID]
        }
        for change in left {
            entries[change.chatID] = nil
        }
        mark = index.mark
        return (Set(changed.filter(isNew).map(\.chatID)), Set(left.filter(isNew).map(\.chatID)))
    }
}
