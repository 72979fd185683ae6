package import ChatDomain
package import ChatWire

/// The messages of a chat that a page is about.
package enum MessageRange: Sendable {
    case latest
    case before(LogPlace)
    case after(LogPlace)
    /// With the message at the position itself, if there is one.
    case around(LogPlace)
}

extension Operations {
    package func postMessage(
        _ caller: Caller,
        _ draft: MessageDraft,
        to chat: ChatID
    ) async throws(StoreError) -> Accepted<Message> {
        try await store.recordMessage(LogRequest(.post(draft), in: chat, by: caller))
    }

    /// - Throws: `OperationError.epochChanged` for a position of another epoch, or after the end of its log; and
    ///   `StoreError`.
    package func listMessages(
        _ caller: Caller,
        of chat: ChatID,
        _ range: MessageRange,
        limit: Int
    ) async throws -> MessagePage {
        let page = try await store.messages(MessagePageQuery(range, of: chat, limit: limit))
        if range.isStale(in: page) { throw OperationError.epochChanged(to: page.epoch) }
        return page
    }

    package func readMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID
    ) async throws(StoreError) -> Message {
        try await store.message(id, in: chat)
    }

    package func editMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID,
        _ edit: MessageEdit,
        onlyIf condition: RevisionCondition
    ) async throws(StoreError) -> Message {
        try await store.recordMessage(LogRequest(.edit(id, edit, onlyIf: condition), in: chat, by: caller)).value
    }

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
    /// Whether the page is of another history than the range.
    fileprivate func isStale(in page: MessagePage) -> Bool {
        switch self {
        case .latest: false
        case .before(let place), .around(let place): place.epoch.map { $0 != page.epoch } ?? false
        case .after(let place): place.isStale(in: page.epoch, end: page.lastPosition)
        }
    }
}
