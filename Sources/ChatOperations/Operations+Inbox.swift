package import ChatDomain
import ChatLive
package import ChatWire

/// The inbox of the caller's user: the chats of which the user is a member, as state rather than as events.
extension Operations {
    /// Reads a page of what changed in the inbox.
    ///
    /// - Parameter cursor: Where the last page ended; nil for the whole inbox.
    /// - Throws: `OperationError.cursorExpired`, and `StoreError.forbidden` if the caller has no user.
    package func readInbox(
        _ caller: Caller,
        after cursor: InboxCursor?,
        limit: Int
    ) async throws -> InboxPage {
        try await InboxReader(self, caller).page(after: cursor, limit: limit)
    }

    /// Waits until something changes in the inbox after a cursor, or forever.
    ///
    /// While transactions that were running when the cursor was issued keep running, what has changed before it does not
    /// count: it would end every poll at once.
    ///
    /// - Parameter cursor: Nil does not wait, as there is something to read.
    /// - Returns: False if the task was cancelled.
    /// - Throws: `OperationError.cursorExpired`, and `StoreError.forbidden` if the caller has no user.
    package func waitForInbox(_ caller: Caller, after cursor: InboxCursor?) async throws -> Bool {
        guard let cursor, cursor.pass == nil else { return true }
        let reader = try InboxReader(self, caller)
        let watch = hub.inboxes.watch(reader.user)
        repeat {
            watch.collect()
            let index = try await reader.index(after: cursor)
            let oldest = index.mark.floor > cursor.mark.floor ? cursor.mark.floor : cursor.mark.top
            if reader.changes(in: index, after: cursor).contains(where: { $0.change.activity >= oldest }) {
                return true
            }
            watch.follow(index.chats.lazy.map(\.chatID))
        } while await watch.next() == .unknown
        return !Task.isCancelled
    }

    /// Prepares to follow the inbox.
    ///
    /// - Parameter cursor: Where the client continues; nil for the whole inbox.
    /// - Throws: `OperationError.cursorExpired`, and `StoreError.forbidden` if the caller has no user.
    package func followInbox(_ caller: Caller, after cursor: InboxCursor?) async throws -> InboxFeed<Store> {
        let reader = try InboxReader(self, caller)
        let watch = hub.inboxes.watch(reader.user)
        let index = try await reader.index(after: cursor)
        return InboxFeed(reader, watch, index, after: cursor ?? .start(in: index.epoch))
    }
}

/// A change in an inbox, and whether the user lost the chat by it.
struct InboxChange {
    let change: InboxIndex.Change
    let isLeft: Bool
}

/// Reads the inbox of one user.
struct InboxReader<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let user: UserID

    init(_ operations: Operations<Store>, _ caller: Caller) throws(StoreError) {
        guard let user = caller.author else { throw .forbidden }
        self.operations = operations
        self.user = user
    }

    func page(after cursor: InboxCursor?, limit: Int) async throws -> InboxPage {
        let index = try await index(after: cursor)
        let cursor = cursor ?? .start(in: index.epoch)
        let changes = changes(in: index, after: cursor)
        let lines = try await lines(of: changes.prefix(limit), in: index.epoch)
        let next = cursor.advanced(in: index, to: changes.count > limit ? changes[limit - 1].change : nil)
        return InboxPage(changes: lines, cursor: next)
    }

    /// - Throws: `OperationError.cursorExpired` if the cursor belongs to another epoch or to a later state.
    func index(after cursor: InboxCursor?) async throws -> InboxIndex {
        await operations.readMarkers.flush(of: user)
        let index = try await operations.store.inboxIndex(of: user, leftSince: cursor?.mark.floor ?? 0)
        operations.hub.inboxes.note(index.epoch)
        if let cursor, cursor.epoch != index.epoch || cursor.mark.floor > index.mark.top {
            throw OperationError.cursorExpired(in: index.epoch)
        }
        return index
    }

    /// The changes after a cursor, the latest first.
    func changes(in index: InboxIndex, after cursor: InboxCursor) -> [InboxChange] {
        let floor = cursor.mark.floor
        var changes = index.chats.filter { $0.activity >= floor }.map { InboxChange(change: $0, isLeft: false) }
        // A client that starts over has no chat to lose.
        if floor > 0, !index.left.isEmpty {
            let joined = Set(index.chats.lazy.map(\.chatID))
            changes += index.left.filter { !joined.contains($0.chatID) }.map { InboxChange(change: $0, isLeft: true) }
        }
        if let last = cursor.pass?.last {
            changes.removeAll { $0.change.order >= last.order }
        }
        return changes.sorted { $0.change.order > $1.change.order }
    }

    /// - Throws: `OperationError.cursorExpired` if the lines would belong to another epoch.
    func lines(of changes: some Sequence<InboxChange>, in epoch: Epoch) async throws -> [InboxLine] {
        let chats = changes.filter { !$0.isLeft }.map(\.change.chatID)
        let entries = chats.isEmpty ? [:] : try await entries(of: chats, in: epoch)
        return changes.map { change in
            let id = change.change.chatID
            return entries[id].map { .chat($0) } ?? .left(id)
        }
    }

    func lines(of chats: [ChatID], in epoch: Epoch) async throws -> [InboxLine] {
        await operations.readMarkers.flush(of: user)
        let entries = try await entries(of: chats, in: epoch)
        return chats.map { id in entries[id].map { .chat($0) } ?? .left(id) }
    }

    private func entries(of chats: [ChatID], in epoch: Epoch) async throws -> [ChatID: InboxEntry] {
        let found = try await operations.store.inboxEntries(of: user, in: chats)
        guard found.epoch == epoch else { throw OperationError.cursorExpired(in: found.epoch) }
        return found.entries.mapValues(operations.current)
    }
}

extension InboxCursor {
    /// The cursor after a page of a pass.
    ///
    /// - Parameter last: The last chat of the page; nil if the page completes the pass.
    func advanced(in index: InboxIndex, to last: InboxIndex.Change?) -> InboxCursor {
        let next = pass?.next ?? index.mark
        guard let last else { return InboxCursor(epoch: epoch, mark: next) }
        return InboxCursor(epoch: epoch, mark: mark, pass: Pass(next: next, last: last))
    }
}

extension InboxIndex.Change {
    /// Orders changes by activity, and those of one transaction by chat.
    fileprivate var order: (Int64, Int64) {
        (activity, chatID.rawValue)
    }
}
