/// Messages whose text grows.
extension BatchPlan {
    /// Plans a change that adds no entry to the log.
    mutating func plan(_ request: StreamRequest) throws(StoreError) -> Outcome {
        let chat = try head(of: request.message.chatID).chat
        var message = try message(request, in: chat)
        guard var writer = message.stream?.writer else { throw .messageNotOpen }
        switch request.change {
        case .hold:
            writer.epoch += 1
            writer.expiresAt = max(writer.expiresAt, now.advanced(by: writer.ttl.duration))
        case .checkpoint(let text, let epoch, let expiresAt):
            guard writer.epoch == epoch else { throw .writerReplaced }
            writer.expiresAt = max(writer.expiresAt, expiresAt)
            message.text = text.value
        case .cancel:
            if writer.cancelledAt != nil { return .recorded(message) }
            writer.cancelledAt = now
        }
        message.stream = .open(writer)
        return store(message)
    }

    /// Ends an open message with an entry in the log.
    ///
    /// - Parameter epoch: The epoch in which the caller's server holds the message.
    mutating func finish(
        _ id: MessageID,
        _ finish: MessageFinish,
        _ epoch: Int64,
        in head: LogHead,
        by caller: Caller
    ) throws(StoreError) -> Outcome {
        let message = try writtenMessage(id, in: head.chat, by: caller)
        guard let writer = message.stream?.writer else { return .recorded(try finish.repeated(on: message)) }
        guard finish.condition.holds(for: message) else { throw .revisionMismatch }
        guard writer.epoch == epoch else { throw .writerReplaced }
        return end(message, finish, in: head, by: caller)
    }

    /// Ends an open message if its writer's time is over.
    mutating func lapse(_ id: MessageID, in head: LogHead, by caller: Caller) throws(StoreError) -> Outcome {
        let message = try writtenMessage(id, in: head.chat, by: caller)
        guard let lapse = message.stream?.writer?.lapse(at: now) else { return .recorded(message) }
        return end(message, MessageFinish(lapse), in: head, by: caller)
    }

    private mutating func end(
        _ old: Message,
        _ finish: MessageFinish,
        in head: LogHead,
        by caller: Caller
    ) -> Outcome {
        var message = old
        message.text = finish.text?.value ?? old.text
        message.metadata = finish.metadata.applied(to: old.metadata)
        message.stream = .ended(finish.end)
        message.revision += 1
        let losesMetadata = old.metadata != nil && !areIdentical(message.metadata?.json, old.metadata?.json)
        if losesMetadata || !message.text.utf8.starts(with: old.text.utf8) {
            writes.replacesText = true
        }
        openChanges[head.chat.id, default: 0] -= 1
        var head = head
        append(.messageUpdated, by: caller.author, about: message.id, to: &head)
        return store(message)
    }

    /// The number of open messages of a chat after the requests planned so far.
    func openCount(of chat: ChatID) -> Int {
        (priorState.openCounts[chat] ?? 0) + (openChanges[chat] ?? 0)
    }

    private func message(_ request: StreamRequest, in chat: Chat) throws(StoreError) -> Message {
        if case .cancel = request.change {
            try authorize(request.caller, to: .post, in: chat)
            guard let message = message(request.message), !message.isDeleted else { throw .messageNotFound }
            return message
        }
        return try writtenMessage(request.message.id, in: chat, by: request.caller)
    }

    /// Returns a message that the caller may write.
    private func writtenMessage(_ id: MessageID, in chat: Chat, by caller: Caller) throws(StoreError) -> Message {
        try message(id, in: chat, allowing: caller) { isOwn in isOwn ? .editOwnMessage : .editOthersMessage }
    }
}
