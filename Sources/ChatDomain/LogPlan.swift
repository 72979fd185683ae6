/// Decides what a batch of writes does, once the logs of their chats are locked and what they refer to is read.
///
/// Every store writes by it, and so positions, instants, replays and refusals are the same on all of them. A pure value.
package struct LogPlan {
    /// How many entries one batch removes with the chats that it deletes, and one step of a purge: others wait for some
    /// milliseconds at the most.
    package static let removalLimit: Int64 = 2_000

    /// A chat to insert; it has no id yet.
    package struct Creation: Sendable {
        package let draft: ChatDraft
        package let createdAt: Instant
    }

    /// A message to insert; it has its place but not yet its id.
    package struct Append: Sendable {
        package let chatID: ChatID
        package let position: Position
        package let createdAt: Instant
        package let draft: MessageDraft
    }

    /// A log entry to insert that is not a message of its own.
    package struct Change: Equatable, Sendable {
        package let chatID: ChatID
        package let position: Position
        package let kind: LogEntry.Kind
        package let instant: Instant
        /// Nil for a change of the chat itself.
        package let messageID: MessageID?

        package init(
            chatID: ChatID,
            position: Position,
            kind: LogEntry.Kind,
            instant: Instant,
            messageID: MessageID? = nil
        ) {
            self.chatID = chatID
            self.position = position
            self.kind = kind
            self.instant = instant
            self.messageID = messageID
        }
    }

    private enum Outcome {
        case appended(Int, isReplay: Bool)
        case created(Int, isReplay: Bool)
        case done(WriteAnswer)
        case purged
        case refused(StoreError)

        static func done(_ subject: LogSubject, isReplay: Bool) -> Outcome {
            .done(.recorded(Accepted(subject, isReplay: isReplay)))
        }
    }

    /// In the order in which ids are to be given.
    package private(set) var appends: [Append] = []
    package private(set) var changes: [Change] = []
    /// The ends of the logs that grow, as they are afterwards.
    package private(set) var movedHeads: [ChatID: LogHead] = [:]
    /// The chats among them whose title or metadata change.
    package private(set) var editedChats: Set<ChatID> = []
    /// The messages that change, as they are afterwards.
    package private(set) var editedMessages: [MessageReference: Message] = [:]
    /// The chats to remove with all that they have, after everything else but the creations was written.
    package private(set) var removedChats: Set<ChatID> = []
    /// The chats that are too large for that: to be hidden from every reader, and purged later.
    package private(set) var hiddenChats: Set<ChatID> = []
    /// In the order in which ids are to be given, once the chats that are deleted have released their keys.
    package private(set) var creations: [Creation] = []
    /// Whether a step of the purge is to be made.
    package private(set) var purges = false
    private var removalBudget = removalLimit
    private let epoch: Epoch?
    private var outcomes: [Outcome] = []
    private var indices: [SentKey: Int] = [:]
    private var creationIndices: [IdempotencyKey: Int] = [:]

    package init(_ requests: [WriteRequest], knowing knowledge: Knowledge, at now: Instant) {
        epoch = knowledge.epoch
        appends.reserveCapacity(requests.count)
        outcomes.reserveCapacity(requests.count)
        for request in requests {
            do throws(StoreError) {
                outcomes.append(try plan(request, knowledge, at: now))
            } catch {
                outcomes.append(.refused(error))
            }
        }
    }

    /// Whether there is nothing to write.
    package var isEmpty: Bool {
        appends.isEmpty && changes.isEmpty && creations.isEmpty && removedChats.isEmpty && hiddenChats.isEmpty
            && !purges
    }

    /// Whether text that readers could see is replaced or removed.
    package var erasesText: Bool {
        !editedMessages.isEmpty || !editedChats.isEmpty || !removedChats.isEmpty || !hiddenChats.isEmpty || purges
    }

    package var deletedChats: Set<ChatID> {
        removedChats.union(hiddenChats)
    }

    /// The messages that become tombstones, in the order of their positions.
    package var deletedMessages: [Message] {
        editedMessages.values.filter(\.isDeleted).sorted { $0.position < $1.position }
    }

    /// What has become of the batch once it is committed.
    package func recorded(_ written: Written) -> RecordedBatch {
        let messages = zip(appends, written.messageIDs).map { $0.message($1) }
        let chats = written.chatIDs.map { ids in zip(creations, ids).map { $0.chat($1) } }
        let results = outcomes.map { outcome -> Result<WriteAnswer, StoreError> in
            switch outcome {
            case .appended(let index, let isReplay):
                .success(.recorded(Accepted(.message(messages[index]), isReplay: isReplay)))
            case .created(let index, let isReplay):
                if let chats {
                    .success(.created(Accepted(chats[index], isReplay: isReplay)))
                } else {
                    .failure(.outcomeUnknown(reason: "the id of a created chat was lost with the connection"))
                }
            case .done(let answer): .success(answer)
            case .purged: .success(.purged(isMore: written.hasMoreToPurge))
            case .refused(let error): .failure(error)
            }
        }
        var entries = messages.map(LogEntry.init(created:))
        if !changes.isEmpty {
            entries += changes.compactMap(entry)
            entries.sort { $0.position < $1.position }
        }
        if !deletedChats.isEmpty {
            entries.removeAll { deletedChats.contains($0.chatID) }
        }
        return RecordedBatch(
            results: results,
            entries: entries,
            epoch: epoch,
            createdChats: written.chatIDs ?? [],
            deletedChats: deletedChats,
            erasesText: erasesText
        )
    }

    /// A change as the log shows it: with what it is about as it stands after the whole batch.
    private func entry(_ change: Change) -> LogEntry? {
        let subject: LogSubject?
        if let id = change.messageID {
            subject = editedMessages[MessageReference(chatID: change.chatID, id: id)].map { .message($0) }
        } else {
            subject = movedHeads[change.chatID].map { .chat($0.chat) }
        }
        return subject.map {
            LogEntry(position: change.position, kind: change.kind, instant: change.instant, subject: $0)
        }
    }

    private mutating func plan(
        _ request: WriteRequest,
        _ knowledge: Knowledge,
        at now: Instant
    ) throws(StoreError) -> Outcome {
        switch request {
        case .record(let request): return try plan(request, knowledge, at: now)
        case .create(let draft): return try create(draft, knowledge, at: now)
        case .delete(let id):
            let size = try head(of: id, knowledge).chat.lastPosition.rawValue
            if size <= removalBudget {
                removalBudget -= size
                removedChats.insert(id)
            } else {
                hiddenChats.insert(id)
            }
            return .done(.deleted)
        case .purge:
            purges = true
            return .purged
        }
    }

    private func isDeleted(_ chat: ChatID) -> Bool {
        removedChats.contains(chat) || hiddenChats.contains(chat)
    }

    private func head(of chat: ChatID, _ knowledge: Knowledge) throws(StoreError) -> LogHead {
        if let error = knowledge.busyChats[chat] { throw error }
        guard !isDeleted(chat), let head = movedHeads[chat] ?? knowledge.heads[chat] else { throw .chatNotFound }
        return head
    }

    private mutating func create(
        _ draft: ChatDraft,
        _ knowledge: Knowledge,
        at now: Instant
    ) throws(StoreError) -> Outcome {
        if let idempotency = draft.idempotency {
            if let earlier = knowledge.createdChats[idempotency.key], !isDeleted(earlier.chat.id) {
                guard earlier.fingerprint == idempotency.fingerprint else { throw .idempotencyKeyReused }
                let chat = movedHeads[earlier.chat.id]?.chat ?? earlier.chat
                return .done(.created(Accepted(chat, isReplay: true)))
            }
            if let index = creationIndices[idempotency.key] {
                guard creations[index].draft.idempotency == idempotency else { throw .idempotencyKeyReused }
                return .created(index, isReplay: true)
            }
            creationIndices[idempotency.key] = creations.count
        }
        creations.append(Creation(draft: draft, createdAt: now))
        return .created(creations.count - 1, isReplay: false)
    }

    private mutating func plan(
        _ request: LogRequest,
        _ knowledge: Knowledge,
        at now: Instant
    ) throws(StoreError) -> Outcome {
        let chatID = request.chatID
        let head = try head(of: chatID, knowledge)
        switch request.change {
        case .post(let draft):
            return try post(draft, to: head, knowledge, at: now)
        case .edit(let id, let edit, let condition):
            let old = try message(id, in: chatID, condition, knowledge)
            var new = old
            new.text = edit.text?.value ?? old.text
            new.metadata = edit.metadata.applied(to: old.metadata)
            if areIdentical(new.text, old.text), areIdentical(new.metadata?.json, old.metadata?.json) {
                return .done(.message(old), isReplay: false)
            }
            new.revision += 1
            new.editedAt = advance(head, by: .messageUpdated, of: id, at: now)
            editedMessages[MessageReference(chatID: chatID, id: id)] = new
            return .done(.message(new), isReplay: false)
        case .delete(let id, let condition):
            var message = try message(id, in: chatID, condition, knowledge)
            message.deletedAt = advance(head, by: .messageDeleted, of: id, at: now)
            message.text = ""
            message.metadata = nil
            movedHeads[chatID]?.chat.messageCount -= 1
            editedMessages[MessageReference(chatID: chatID, id: id)] = message
            return .done(.message(message), isReplay: false)
        case .update(let edit):
            let old = head.chat
            var head = head
            head.chat.title = edit.title?.value ?? old.title
            head.chat.metadata = edit.metadata.applied(to: old.metadata)
            if areIdentical(head.chat.title, old.title), areIdentical(head.chat.metadata?.json, old.metadata?.json) {
                return .done(.chat(old), isReplay: false)
            }
            _ = advance(head, by: .chatUpdated, of: nil, at: now)
            editedChats.insert(chatID)
            return .done(.chat(movedHeads[chatID]?.chat ?? head.chat), isReplay: false)
        }
    }

    private mutating func post(
        _ draft: MessageDraft,
        to head: LogHead,
        _ knowledge: Knowledge,
        at now: Instant
    ) throws(StoreError) -> Outcome {
        let chatID = head.chat.id
        let key = draft.idempotency.map { SentKey(chatID: chatID, key: $0.key) }
        if let key, let earlier = knowledge.sent[key] {
            // With a deleted message its fingerprint is gone, too.
            let message = editedMessages[MessageReference(chatID: chatID, id: earlier.message.id)] ?? earlier.message
            guard message.isDeleted || earlier.fingerprint == draft.idempotency?.fingerprint else {
                throw .idempotencyKeyReused
            }
            return .done(.message(message), isReplay: true)
        }
        if let key, let index = indices[key] {
            guard appends[index].draft.idempotency == draft.idempotency else { throw .idempotencyKeyReused }
            return .appended(index, isReplay: true)
        }
        if let target = draft.replyTo {
            let reference = MessageReference(chatID: chatID, id: target)
            guard let message = editedMessages[reference] ?? knowledge.messages[reference], !message.isDeleted else {
                throw .replyTargetNotFound(target)
            }
        }
        if let key {
            indices[key] = appends.count
        }
        var head = head
        head.advance(at: now)
        head.chat.messageCount += 1
        head.chat.lastMessageAt = head.instant
        movedHeads[chatID] = head
        appends.append(
            Append(chatID: chatID, position: head.chat.lastPosition, createdAt: head.instant, draft: draft)
        )
        return .appended(appends.count - 1, isReplay: false)
    }

    /// A message that is there to be changed.
    private func message(
        _ id: MessageID,
        in chatID: ChatID,
        _ condition: RevisionCondition,
        _ knowledge: Knowledge
    ) throws(StoreError) -> Message {
        let reference = MessageReference(chatID: chatID, id: id)
        guard let message = editedMessages[reference] ?? knowledge.messages[reference], !message.isDeleted else {
            throw .messageNotFound
        }
        guard condition.holds(for: message) else { throw .revisionMismatch }
        return message
    }

    /// Moves the log on by a change and returns the change's instant.
    private mutating func advance(
        _ head: LogHead,
        by kind: LogEntry.Kind,
        of message: MessageID?,
        at now: Instant
    ) -> Instant {
        var head = head
        head.advance(at: now)
        movedHeads[head.chat.id] = head
        changes.append(
            Change(
                chatID: head.chat.id,
                position: head.chat.lastPosition,
                kind: kind,
                instant: head.instant,
                messageID: message
            )
        )
        return head.instant
    }
}

extension LogPlan.Append {
    fileprivate func message(_ id: MessageID) -> Message {
        Message(
            id: id,
            chatID: chatID,
            position: position,
            text: draft.text.value,
            metadata: draft.metadata,
            replyTo: draft.replyTo,
            createdAt: createdAt
        )
    }
}

extension LogPlan.Creation {
    fileprivate func chat(_ id: ChatID) -> Chat {
        Chat(id: id, title: draft.title.value, metadata: draft.metadata, createdAt: createdAt)
    }
}

extension LogEntry {
    fileprivate var chatID: ChatID {
        switch subject {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }
}

/// Whether texts are the same scalar by scalar: those are equal, too, that compose a character in different ways.
private func areIdentical(_ one: String?, _ other: String?) -> Bool {
    guard let one, let other else { return one == other }
    return one.utf8.elementsEqual(other.utf8)
}
