package import ChatDomain
package import ChatLive
package import ChatWire

extension Operations {
    /// Reads a page of a log after a position.
    ///
    /// - Throws: `OperationError.epochChanged` for a position of another epoch or after the end of its log, and
    ///   `StoreError`. A gap in the log throws `StoreError.failed`, because a client would request the same page
    ///   forever.
    package func readLog(
        _ caller: Caller,
        of chat: ChatID,
        after place: LogPlace,
        limit: Int
    ) async throws -> LogPage {
        let page = try await store.log(of: chat, after: place.position, limit: limit, by: caller)
        if place.isStale(in: page.epoch, end: page.lastPosition) { throw OperationError.epochChanged(to: page.epoch) }
        if page.lastPosition > place.position, page.entries.first?.position.rawValue != place.position.rawValue + 1 {
            throw StoreError.failed(
                reason: "chat \(chat.rawValue) has nothing at position \(place.position.rawValue + 1)"
            )
        }
        return current(page)
    }

    /// Reads the page of a log that a poll returns.
    ///
    /// If the poll began while its user was a member, the page ends with the entry with which the user has left since.
    ///
    /// - Parameters:
    ///   - start: The chat as read when the poll began.
    ///   - place: The position of `start`; its epoch is the one that the client named.
    /// - Throws: What `readLog(_:of:after:limit:)` throws.
    package func readLog(
        _ caller: Caller,
        of start: SubscriptionStart,
        after place: LogPlace,
        limit: Int
    ) async throws -> LogPage {
        let chat = start.interest.chatID
        if case .membership(let user) = start.permit {
            let page = try await readLog(.anonymous, of: chat, after: place, limit: limit)
            // In another epoch, the user may never have been a member.
            if page.epoch == start.epoch { return page.upToDeparture(of: user, after: start.end) }
        }
        return try await readLog(caller, of: chat, after: place, limit: limit)
    }
}
