package import ChatDomain
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
        return page
    }
}
