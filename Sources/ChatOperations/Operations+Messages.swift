package import ChatDomain
package import ChatWire

/// Which messages of a chat a page contains.
package enum MessageRange: Sendable {
    case latest
    case before(LogPlace)
    case after(LogPlace)
    /// Messages on both sides of the position, including the one at the position if there is one.
    case around(LogPlace)
}

extension Operations {
    /// Posts a message, or returns the one that the caller's earlier request with the same idempotency key posted.
    ///
    /// Returns after the commit.
    ///
    /// - Parameter trace: The trace of the caller's request, which deliveries to webhooks continue.
    /// - Throws: `StoreError.tooManyHeldMessages` if the message is open and this server holds too many.
    package func postMessage(
        _ caller: Caller,
        _ draft: MessageDraft,
        to chat: ChatID,
        as trace: TraceParent? = nil
    ) async throws(StoreError) -> Accepted<Message> {
        let isOpening = draft.ttl != nil
        if isOpening { try streams.beginOpening() }
        defer { if isOpening { streams.endOpening() } }
        let accepted: Accepted<Message>
        do throws(StoreError) {
            accepted = try await store.recordMessage(LogRequest(.post(draft), in: chat, by: caller))
        } catch {
            if case .tooSoon = error { onSlowMode() }
            throw error
        }
        if accepted.isReplay { return Accepted(current(accepted.value), isReplay: true) }
        streams.opened(accepted.value, by: caller)
        if let trace {
            webhookSender?.noticeTrace(trace, of: chat, at: accepted.value.position)
        }
        return accepted
    }

    /// Reads a page of messages, in order of position.
    ///
    /// - Throws: `OperationError.epochChanged` for a position of another epoch, or for `.after` past the end of the
    ///   log, and `StoreError`.
    package func listMessages(
        _ caller: Caller,
        of chat: ChatID,
        _ range: MessageRange,
        limit: Int
    ) async throws -> MessagePage {
        let page = try await store.messages(MessagePageQuery(range, of: chat, limit: limit), by: caller)
        if range.isStale(in: page) { throw OperationError.epochChanged(to: page.epoch) }
        return current(page)
    }

    /// Reads one message.
    ///
    /// - Throws: `StoreError.messageNotFound` also if the message was deleted.
    package func readMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID
    ) async throws(StoreError) -> Message {
        current(try await store.message(id, in: chat, by: caller))
    }

    /// Changes the text, the metadata or both, and returns the message.
    ///
    /// An edit that changes nothing keeps the revision and adds no log entry.
    ///
    /// - Throws: `StoreError.forbidden` if the caller may not edit this author's messages, and
    ///   `StoreError.revisionMismatch` if the condition does not hold.
    package func editMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID,
        _ edit: MessageEdit,
        onlyIf condition: RevisionCondition
    ) async throws(StoreError) -> Message {
        try await store.recordMessage(LogRequest(.edit(id, edit, onlyIf: condition), in: chat, by: caller)).value
    }

    /// Deletes a message; a tombstone keeps its position in the log.
    ///
    /// - Throws: `StoreError.forbidden` if the caller may not delete this author's messages, and
    ///   `StoreError.revisionMismatch` if the condition does not hold.
    package func deleteMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID,
        onlyIf condition: RevisionCondition
    ) async throws(StoreError) {
        _ = try await store.recordMessage(LogRequest(.delete(id, onlyIf: condition), in: chat, by: caller))
    }
}

extension MessagePageQuery {
    fileprivate init(_ range: MessageRange, of chat: ChatID, limit: Int) {
        self =
            switch range {
            case .latest: .newest(of: chat, limit: limit)
            case .before(let place): .before(place.position, in: chat, limit: limit)
            case .after(let place): .after(place.position, in: chat, limit: limit)
            case .around(let place): .around(place.position, in: chat, limit: limit)
            }
    }
}

extension MessageRange {
    /// Whether the position of the range belongs to another history than the page.
    fileprivate func isStale(in page: MessagePage) -> Bool {
        switch self {
        case .latest: false
        case .before(let place), .around(let place): place.epoch.map { $0 != page.epoch } ?? false
        case .after(let place): place.isStale(in: page.epoch, end: page.lastPosition)
        }
    }
}
