/// Decides what an import batch writes, based on what is stored.
///
/// It does no I/O.
package struct ImportPlan: Sendable {
    /// A chat and a position in its log.
    package struct Place: Hashable, Sendable {
        /// Half of the place: positions are unique only within a chat.
        package let chatID: ChatID
        /// 1 or greater: every place names an entry.
        package let position: Position

        package init(chatID: ChatID, position: Position) {
            self.chatID = chatID
            self.position = position
        }
    }

    /// What to read before the batch can be planned.
    ///
    /// A store reads the chats' heads first, because they determine which entries may already be stored.
    package struct Needs: Sendable {
        /// Messages of existing chats, plus messages that the batch's changes refer to but that do not precede them in
        /// the batch.
        package private(set) var messages: Set<BatchPlan.MessageReference> = []
        /// The idempotency keys of new messages in existing chats.
        package private(set) var keys: Set<BatchPlan.SentKey> = []
        /// Changes at positions that the stored log already has.
        package private(set) var changes: [LogRecord] = []
        /// Memberships in existing chats that new changes or read markers are about.
        package private(set) var members: Set<MemberReference> = []

        /// - Parameter heads: The stored logs of the batch's chats; chats that do not exist are absent.
        package init(_ stretches: [ArchivedStretch], from heads: [ChatID: LogHead]) {
            for stretch in stretches {
                let end = heads[stretch.chat.id]?.chat.lastPosition ?? Position(rawValue: 0)
                var held: Set<MessageID> = []
                for entry in stretch.entries {
                    switch entry {
                    case .message(let message, _):
                        held.insert(message.id)
                        if heads[message.chatID] != nil {
                            messages.insert(message.reference)
                        }
                        if heads[message.chatID] != nil, message.position > end, let key = message.sentKey {
                            keys.insert(key)
                        }
                    case .change(let change):
                        if let id = change.messageID, !held.contains(id) {
                            messages.insert(BatchPlan.MessageReference(chatID: change.chatID, id: id))
                        }
                        if change.position <= end {
                            changes.append(change)
                        } else if heads[change.chatID] != nil, let entry = MemberEntry(change) {
                            members.formUnion(
                                entry.users.map { MemberReference(chatID: change.chatID, userID: $0) }
                            )
                        }
                    }
                }
                if heads[stretch.chat.id] != nil {
                    members.formUnion(stretch.readMarkers.map(\.member))
                }
            }
        }

        /// Whether the second read can be skipped.
        package var isEmpty: Bool {
            messages.isEmpty && keys.isEmpty && changes.isEmpty && members.isEmpty
        }
    }

    /// The stored state that a batch is planned from.
    package struct PriorState: Sendable {
        /// The logs of the batch's chats; a chat that does not exist is absent.
        package var heads: [ChatID: LogHead] = [:]
        /// Deleted chats that are not fully purged yet; they cannot be imported until they are.
        package var removedChats: Set<ChatID> = []
        /// The requested messages that exist, deleted ones included.
        package var messages: [BatchPlan.MessageReference: Message] = [:]
        /// Messages that earlier batches of the same dry run would have imported; empty in a real import.
        package var assumedMessages: Set<BatchPlan.MessageReference> = []
        /// The requested keys that messages already use.
        package var usedKeys: Set<BatchPlan.SentKey> = []
        /// The places at which the store holds exactly the change that the batch has.
        package var changes: Set<Place> = []
        /// The needed memberships, as far as they exist, ended ones included.
        package var members: [MemberReference: Member] = [:]

        /// Describes an empty database.
        package init() {}

        fileprivate func contains(_ reference: BatchPlan.MessageReference) -> Bool {
            messages[reference] != nil || assumedMessages.contains(reference)
        }
    }

    /// What the batch writes; for a chat with a conflict, only what precedes it.
    package private(set) var writes = LogWrites()
    /// What was left out of `writes` and why, at most one conflict per chat.
    package private(set) var conflicts: [ImportConflict] = []
    private let priorState: PriorState
    /// Messages that the batch adds; a dry run assumes them when it plans the next batch.
    package private(set) var newMessages: Set<BatchPlan.MessageReference> = []
    /// Idempotency keys that the batch adds; a dry run assumes them when it plans the next batch.
    package private(set) var newKeys: Set<BatchPlan.SentKey> = []

    /// - Parameters:
    ///   - stretches: At most one per chat.
    ///   - priorState: Everything that `Needs` lists for these stretches.
    package init(_ stretches: [ArchivedStretch], from priorState: PriorState) {
        self.priorState = priorState
        for stretch in stretches {
            add(stretch)
        }
    }

    /// How much `writes` adds; edits of stored messages do not count.
    package var count: ImportCount {
        ImportCount(
            chats: Int64(writes.importedChats.count),
            entries: Int64(writes.importedMessages.count + writes.changes.count)
        )
    }

    private mutating func add(_ stretch: ArchivedStretch) {
        let chat = stretch.chat
        if let reason = obstacle(to: chat) {
            conflicts.append(ImportConflict(chatID: chat.id, position: nil, reason: reason))
            return
        }
        if priorState.heads[chat.id] == nil {
            writes.importedChats.append(chat)
        }
        let stored = priorState.heads[chat.id] ?? chat.withoutLog
        var head = stored
        do throws(ImportConflict) {
            let known = stretch.entries.prefix { $0.position <= stored.chat.lastPosition }
            let edits = try compare(known, isOlder: stored.chat.lastPosition < chat.head.chat.lastPosition)
            writes.editedMessages.merge(edits) { $1 }
            writes.replacesText = writes.replacesText || !edits.isEmpty
            head.chat.messageCount -= Int64(edits.values.count(where: \.isDeleted))
            for entry in stretch.entries.dropFirst(known.count) {
                try append(entry, &head)
            }
            moveReadMarkers(stretch.readMarkers, upTo: head.chat.lastPosition)
        } catch {
            conflicts.append(error)
        }
        if head.chat.lastPosition > stored.chat.lastPosition {
            head.chat.title = chat.head.chat.title
            head.chat.metadata = chat.head.chat.metadata
            head.chat.receipts = chat.head.chat.receipts
            head.chat.slowMode = chat.head.chat.slowMode
            writes.editedChats.insert(chat.id)
        }
        if head != stored {
            writes.movedHeads[chat.id] = head
        }
    }

    private func obstacle(to chat: ArchivedChat) -> String? {
        if priorState.removedChats.contains(chat.id) {
            return "chat \(chat.id.rawValue) was deleted and is still being removed: try again later"
        }
        if let stored = priorState.heads[chat.id], stored.chat.createdAt != chat.head.chat.createdAt {
            return "the id of chat \(chat.id.rawValue) is taken: the database has another chat under it"
        }
        return nil
    }

    private mutating func append(_ entry: ArchivedEntry, _ head: inout LogHead) throws(ImportConflict) {
        guard entry.position.rawValue == head.chat.lastPosition.rawValue + 1 else {
            throw ImportConflict(
                at: entry,
                reason: """
                    the log of chat \(entry.chatID.rawValue) ends at \(head.chat.lastPosition.rawValue) and cannot continue at \
                    \(entry.position.rawValue): import the whole archive again
                    """
            )
        }
        switch entry {
        case .message(let message, let fingerprint):
            let reference = message.reference
            guard !priorState.contains(reference), newMessages.insert(reference).inserted else {
                throw ImportConflict(
                    at: entry,
                    reason: "\(entry.place) has the id \(message.id.rawValue) of another message"
                )
            }
            if let key = message.sentKey {
                guard !priorState.usedKeys.contains(key), newKeys.insert(key).inserted else {
                    newMessages.remove(reference)
                    throw ImportConflict(
                        at: entry,
                        reason: "\(entry.place) has the idempotency key of another message"
                    )
                }
            }
            writes.importedMessages.append((message, fingerprint))
            head.chat.lastMessageAt = message.createdAt
            head.chat.messageCount += message.isDeleted ? 0 : 1
        case .change(let change):
            if let id = change.messageID {
                let reference = BatchPlan.MessageReference(chatID: change.chatID, id: id)
                guard newMessages.contains(reference) || priorState.contains(reference) else {
                    throw ImportConflict(
                        at: entry,
                        reason: "\(entry.place) is about message \(id.rawValue), which does not exist"
                    )
                }
            }
            writes.changes.append(change)
            addMembers(change)
        }
        head.advance(at: entry.instant)
    }

    /// Repeats what a change did to the chat's members.
    private mutating func addMembers(_ change: LogRecord) {
        guard let entry = MemberEntry(change) else { return }
        for var member in entry.members(of: change.chatID, at: change.position, after: self.member) {
            // The marker in the archive is still to come, perhaps in a later batch, and may lie before the first join.
            if let former = self.member(member.reference), former.hasInitialReadMarker {
                member.moveReadMarker(to: member.joinedAt)
            }
            writes.members[member.reference] = member
        }
    }

    /// Moves markers forward and, from where joining put them, also back; at most to the end of the log.
    private mutating func moveReadMarkers(_ markers: [ReadMarker], upTo end: Position) {
        for marker in markers {
            guard var member = member(marker.member), case let position = min(marker.position, end),
                position > member.readPosition || member.hasInitialReadMarker
            else { continue }
            member.moveReadMarker(to: position)
            writes.members[marker.member] = member
        }
    }

    /// A membership after the entries planned so far.
    private func member(_ reference: MemberReference) -> Member? {
        writes.members[reference] ?? priorState.members[reference]
    }

    /// Checks that entries match what is stored at their positions.
    ///
    /// - Parameter isOlder: Whether the stored log is shorter than the archive's. Only then may a message change: this
    ///   batch or a later one then appends entries, which tells readers to read again.
    /// - Returns: The messages that are newer in the archive.
    private func compare(
        _ entries: ArraySlice<ArchivedEntry>,
        isOlder: Bool
    ) throws(ImportConflict) -> [BatchPlan.MessageReference: Message] {
        var newer: [BatchPlan.MessageReference: Message] = [:]
        for entry in entries {
            switch entry {
            case .message(let message, _):
                let reference = message.reference
                guard let stored = priorState.messages[reference], stored.position == message.position,
                    stored.author == message.author, stored.createdAt == message.createdAt
                else { throw ImportConflict(at: entry, reason: "\(entry.place) differs from the one in the database") }
                if isOlder, !stored.isDeleted, message.isDeleted || message.revision > stored.revision {
                    newer[reference] = message
                }
            case .change(let change):
                guard priorState.changes.contains(Place(chatID: change.chatID, position: change.position)) else {
                    throw ImportConflict(at: entry, reason: "\(entry.place) differs from the one in the database")
                }
            }
        }
        return newer
    }
}

extension ImportConflict {
    fileprivate init(at entry: ArchivedEntry, reason: String) {
        self.init(chatID: entry.chatID, position: entry.position, reason: reason)
    }
}

extension ArchivedEntry {
    fileprivate var place: String {
        "entry \(position.rawValue) of chat \(chatID.rawValue)"
    }
}
