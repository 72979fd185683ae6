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
    mutating func finish(
        _ id: MessageID,
        _ finish: MessageFinish,
        in head: LogHead,
        by caller: Caller
    ) throws(StoreError) -> Outcome {
        var message = try message(id, in: head.chat, allowing: caller) { isOwn in
            isOwn ? .editOwnMessage : .editOthersMessage
        }
        guard let writer = message.stream?.writer else {
            // The writer repeats its request, or another server was faster.
            guard case .ended(finish.end)? = message.stream else { throw .messageNotOpen }
            return .recorded(message)
        }
        let end: StreamEnd
        switch finish.basis {
        case .writer(let epoch):
            guard writer.epoch == epoch else { throw .writerReplaced }
            end = finish.end
        case .lapse:
            guard let lapse = writer.lapse(at: now) else { return .recorded(message) }
            end = lapse
        }
        let old = message
        message.text = finish.text?.value ?? old.text
        message.metadata = finish.metadata.applied(to: old.metadata)
        message.stream = .ended(end)
        message.revision += 1
        let grows = message.text.utf8.starts(with: old.text.utf8)
        if !grows || old.metadata != nil && !areIdentical(message.metadata?.json, old.metadata?.json) {
            writes.replacesText = true
        }
        openChanges[head.chat.id, default: 0] -= 1
        var head = head
        append(.messageUpdated, by: caller.author, about: id, to: &head)
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
        return try message(request.message.id, in: chat, allowing: request.caller) { isOwn in
            isOwn ? .editOwnMessage : .editOthersMessage
        }
    }
}
