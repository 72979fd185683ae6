/// Decides what a batch of requests writes, after their chats are locked and the data they refer to is read.
///
/// All stores share it, so positions, instants, replays and rejections are the same on every one. It does no I/O.
package struct BatchPlan {
    /// The maximum number of entries that one batch removes with deleted chats, and that one purge step removes, so
    /// that other requests wait only a few milliseconds.
    package static let removalLimit: Int64 = 2_000

    enum Outcome {
        case appended(Int, isReplay: Bool)
        case created(Int, isReplay: Bool)
        case done(WriteAnswer)
        case purged
        case refused(StoreError)

        static func recorded(_ message: Message, isReplay: Bool = false) -> Outcome {
            .done(.recorded(Accepted(message, isReplay: isReplay)))
        }
    }

    /// What the store must write, in one transaction.
    package internal(set) var writes = LogWrites()
    let priorState: PriorState
    let now: Instant
    private var removalBudget = removalLimit
    private var outcomes: [Outcome] = []
    private var indices: [SentKey: Int] = [:]
    private var creationIndices: [CreationKey: Int] = [:]
    /// How many more owners chats have after the requests planned so far.
    var ownerChanges: [ChatID: Int] = [:]
    /// When users posted in chats with slow mode, by the requests planned so far.
    var lastPosts: [MemberReference: Instant] = [:]
    /// How many more messages of chats are open after the requests planned so far.
    var openChanges: [ChatID: Int] = [:]

    /// Plans requests in order, each on top of the effects of those before it.
    ///
    /// - Parameters:
    ///   - priorState: Everything that `Needs` lists for these requests.
    ///   - now: The instant of new entries, unless a chat's log ends later.
    package init(_ requests: [WriteRequest], from priorState: PriorState, at now: Instant) {
        self.priorState = priorState
        self.now = now
        writes.appends.reserveCapacity(requests.count)
        outcomes.reserveCapacity(requests.count)
        for request in requests {
            do throws(StoreError) {
                outcomes.append(try plan(request))
            } catch {
                outcomes.append(.refused(error))
            }
        }
    }

    /// Returns the results of the requests, once the batch is committed.
    ///
    /// - Parameter written: What the store returned after carrying out `writes`.
    package func recorded(_ written: LogWrites.Written) -> RecordedBatch {
        let messages = zip(writes.appends, written.messageIDs).map { $0.message($1) }
        let chats = written.chatIDs.map { ids in zip(writes.creations, ids).map { $0.chat($1) } }
        let results = outcomes.map { outcome -> Result<WriteAnswer, StoreError> in
            switch outcome {
            case .appended(let index, let isReplay):
                .success(.recorded(Accepted(messages[index], isReplay: isReplay)))
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
        if !writes.changes.isEmpty {
            entries += writes.changes.compactMap(entry)
            entries.sort { $0.position < $1.position }
        }
        let deletedChats = writes.deletedChats
        if !deletedChats.isEmpty {
            entries.removeAll { deletedChats.contains($0.subject.chatID) }
        }
        return RecordedBatch(
            results: results,
            entries: entries,
            epoch: priorState.epoch,
            createdChats: written.chatIDs ?? [],
            deletedChats: deletedChats,
            changedMemberships: changedMemberships(createdChats: written.chatIDs ?? []),
            erasesText: writes.erasesText
        )
    }

    /// A change as a log entry, with its subject in the state after the whole batch.
    private func entry(_ change: LogRecord) -> LogEntry? {
        let subject: LogSubject?
        if let id = change.messageID {
            subject = message(MessageReference(chatID: change.chatID, id: id)).map { .message($0) }
        } else {
            subject = writes.movedHeads[change.chatID].map { .chat($0.chat) }
        }
        return subject.map { LogEntry(change, subject: $0) }
    }

    /// A message in the state after the requests planned so far.
    func message(_ reference: MessageReference) -> Message? {
        writes.editedMessages[reference] ?? priorState.messages[reference]
    }

    private mutating func plan(_ request: WriteRequest) throws(StoreError) -> Outcome {
        switch request {
        case .record(let request): return try plan(request)
        case .stream(let request): return try plan(request)
        case .update(let id, let edit, let caller): return try update(id, edit, by: caller)
        case .changeMembers(let request): return try changeMembers(request)
        case .moveReadMarker(let request): return try moveReadMarker(request)
        case .create(let draft, let caller): return try create(draft, by: caller.author)
        case .delete(let id, let caller):
            let chat = try head(of: id).chat
            try authorize(caller, to: .deleteChat, in: chat)
            let size = chat.lastPosition.rawValue + priorState.memberCounts[id, default: 0]
            if size <= removalBudget {
                removalBudget -= size
                writes.removedChats.insert(id)
            } else {
                writes.hiddenChats.insert(id)
            }
            return .done(.deleted)
        case .purge:
            writes.purges = true
            return .purged
        }
    }

    private func isDeleted(_ chat: ChatID) -> Bool {
        writes.removedChats.contains(chat) || writes.hiddenChats.contains(chat)
    }

    func head(of chat: ChatID) throws(StoreError) -> LogHead {
        if let error = priorState.busyChats[chat] { throw error }
        guard !isDeleted(chat), let head = writes.movedHeads[chat] ?? priorState.heads[chat] else {
            throw .chatNotFound
        }
        return head
    }

    private mutating func create(_ draft: ChatDraft, by author: UserID?) throws(StoreError) -> Outcome {
        if let idempotency = draft.idempotency {
            let key = CreationKey(author: draft.keyAuthor(by: author), key: idempotency.key)
            if let earlier = priorState.createdChats[key], !isDeleted(earlier.chat.id) {
                guard earlier.fingerprint == idempotency.fingerprint else { throw .idempotencyKeyReused }
                let chat = writes.movedHeads[earlier.chat.id]?.chat ?? earlier.chat
                return .done(.created(Accepted(chat, isReplay: true)))
            }
            if let index = creationIndices[key] {
                guard writes.creations[index].draft.idempotency == idempotency else { throw .idempotencyKeyReused }
                return .created(index, isReplay: true)
            }
            creationIndices[key] = writes.creations.count
        }
        writes.creations.append(LogWrites.Creation(author: author, draft: draft, createdAt: now))
        return .created(writes.creations.count - 1, isReplay: false)
    }

    private mutating func plan(_ request: LogRequest) throws(StoreError) -> Outcome {
        let author = request.caller.author
        var head = try head(of: request.chatID)
        switch request.change {
        case .post(let draft):
            try authorize(request.caller, to: .post, in: head.chat)
            return try post(draft, to: head, by: request.caller)
        case .edit(let id, let edit, let condition):
            let old = try message(id, in: head.chat, condition, allowing: request.caller) { isOwn in
                isOwn ? .editOwnMessage : .editOthersMessage
            }
            if old.isOpen { throw .messageOpen }
            var new = old
            new.text = edit.text?.value ?? old.text
            new.metadata = edit.metadata.applied(to: old.metadata)
            if areIdentical(new.text, old.text), areIdentical(new.metadata?.json, old.metadata?.json) {
                return .recorded(old)
            }
            new.revision += 1
            append(.messageUpdated, by: author, about: id, to: &head)
            new.editedAt = head.instant
            writes.replacesText = true
            return store(new)
        case .delete(let id, let condition):
            var message = try message(id, in: head.chat, condition, allowing: request.caller) { isOwn in
                isOwn ? .deleteOwnMessage : .deleteOthersMessage
            }
            head.chat.messageCount -= 1
            append(.messageDeleted, by: author, about: id, to: &head)
            message.deletedAt = head.instant
            if message.isOpen { openChanges[head.chat.id, default: 0] -= 1 }
            message.text = ""
            message.metadata = nil
            message.stream = nil
            writes.replacesText = true
            return store(message)
        case .finish(let id, let finish, let epoch):
            return try self.finish(id, finish, epoch, in: head, by: request.caller)
        case .lapse(let id):
            return try lapse(id, in: head, by: request.caller)
        }
    }

    private mutating func update(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) throws(StoreError) -> Outcome {
        var head = try head(of: id)
        try authorize(caller, to: edit.action, in: head.chat)
        let old = head.chat
        head.chat.title = edit.title?.value ?? old.title
        head.chat.metadata = edit.metadata.applied(to: old.metadata)
        head.chat.receipts = edit.receipts ?? old.receipts
        head.chat.slowMode = edit.slowMode ?? old.slowMode
        if areIdentical(head.chat.title, old.title), areIdentical(head.chat.metadata?.json, old.metadata?.json),
            head.chat.receipts == old.receipts, head.chat.slowMode == old.slowMode
        {
            return .done(.updated(old))
        }
        append(.chatUpdated, by: caller.author, to: &head)
        writes.editedChats.insert(id)
        return .done(.updated(head.chat))
    }

    private mutating func post(
        _ draft: MessageDraft,
        to head: LogHead,
        by caller: Caller
    ) throws(StoreError) -> Outcome {
        let (chatID, author) = (head.chat.id, caller.author)
        let key = draft.idempotency.map { SentKey(chatID: chatID, author: author, key: $0.key) }
        if let key, let earlier = priorState.sent[key] {
            // A deleted message no longer has its fingerprint.
            let reference = MessageReference(chatID: chatID, id: earlier.message.id)
            let message = writes.editedMessages[reference] ?? earlier.message
            guard message.isDeleted || earlier.fingerprint == draft.idempotency?.fingerprint else {
                throw .idempotencyKeyReused
            }
            return .recorded(message, isReplay: true)
        }
        if let key, let index = indices[key] {
            guard writes.appends[index].draft.idempotency == draft.idempotency else { throw .idempotencyKeyReused }
            return .appended(index, isReplay: true)
        }
        if let target = draft.replyTo {
            guard message(MessageReference(chatID: chatID, id: target))?.isDeleted == false else {
                throw .replyTargetNotFound(target)
            }
        }
        if draft.ttl != nil, openCount(of: chatID) >= MessageStream.maximumPerChat { throw .tooManyOpenMessages }
        try requireSlowMode(of: head, for: caller)
        if draft.ttl != nil {
            openChanges[chatID, default: 0] += 1
        }
        if let key {
            indices[key] = writes.appends.count
        }
        var head = head
        head.advance(at: now)
        head.chat.messageCount += 1
        head.chat.lastMessageAt = head.instant
        writes.movedHeads[chatID] = head
        writes.appends.append(
            LogWrites.Append(
                chatID: chatID,
                position: head.chat.lastPosition,
                author: author,
                createdAt: head.instant,
                draft: draft
            )
        )
        if let reader = caller.readingMembership(in: chatID) {
            moveReadMarker(of: reader, to: head.chat.lastPosition)
        }
        return .appended(writes.appends.count - 1, isReplay: false)
    }

    /// Returns a message that exists, is not deleted, may be changed by the caller and meets the condition.
    ///
    /// - Parameter action: The change, depending on whether the message is the caller's own.
    func message(
        _ id: MessageID,
        in chat: Chat,
        _ condition: RevisionCondition = .any,
        allowing caller: Caller,
        _ action: (_ isOwn: Bool) -> ChatAction
    ) throws(StoreError) -> Message {
        // The least that any change needs: others must not learn which messages exist.
        try authorize(caller, to: action(true), in: chat)
        guard let message = message(MessageReference(chatID: chat.id, id: id)), !message.isDeleted else {
            throw .messageNotFound
        }
        try authorize(caller, to: action(message.author == caller.author), in: chat)
        guard condition.holds(for: message) else { throw .revisionMismatch }
        return message
    }

    mutating func store(_ message: Message) -> Outcome {
        writes.editedMessages[message.reference] = message
        return .recorded(message)
    }

    /// Appends a change to a log and advances its head.
    mutating func append(
        _ kind: LogEntry.Kind,
        by author: UserID?,
        about message: MessageID? = nil,
        to head: inout LogHead
    ) {
        advance(&head)
        writes.changes.append(
            LogRecord(
                chatID: head.chat.id,
                position: head.chat.lastPosition,
                kind: kind,
                author: author,
                instant: head.instant,
                messageID: message
            )
        )
    }

    /// Takes the next position of a log.
    mutating func advance(_ head: inout LogHead) {
        head.advance(at: now)
        writes.movedHeads[head.chat.id] = head
    }
}

extension LogWrites.Append {
    fileprivate func message(_ id: MessageID) -> Message {
        Message(
            id: id,
            chatID: chatID,
            position: position,
            author: author,
            text: draft.text,
            metadata: draft.metadata,
            replyTo: draft.replyTo,
            idempotencyKey: draft.idempotency?.key,
            createdAt: createdAt,
            stream: stream
        )
    }
}

/// Whether two texts have the same scalars; `==` would also accept different compositions of a character.
func areIdentical(_ one: String?, _ other: String?) -> Bool {
    guard let one, let other else { return one == other }
    return one.utf8.elementsEqual(other.utf8)
}
