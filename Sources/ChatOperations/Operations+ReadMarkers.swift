package import ChatDomain

/// What users have read. Markers are private: a caller sees only those of its own user.
extension Operations {
    /// Moves the read marker of the caller's user, and returns what is still unread.
    ///
    /// The result is true at once, although the move may be stored up to a second later.
    ///
    /// - Parameters:
    ///   - position: One after the end of the log stands for its present end.
    ///   - movesBack: Whether the marker may also move back; otherwise, a position before it changes nothing.
    /// - Throws: `StoreError.chatNotFound`, and `StoreError.forbidden` if the caller is no member.
    package func markAsRead(
        _ caller: Caller,
        in chat: ChatID,
        upTo position: Position,
        movesBack: Bool
    ) async throws(StoreError) -> ReadState {
        if movesBack {
            _ = try await readMarkers.move(ReadMarkerRequest(chat, upTo: position, movesBack: true, by: caller))
            return try await store.readState(of: chat, by: caller, after: nil)
        }
        let state = try await store.readState(of: chat, by: caller, after: position)
        // A move that waits must not include what is added in the meantime.
        let request = ReadMarkerRequest(chat, upTo: state.readPosition, by: caller)
        guard let waiting = try await readMarkers.move(request), waiting > state.readPosition else { return state }
        return try await store.readState(of: chat, by: caller, after: waiting)
    }

    /// Counts the chats in which the caller's user has unread messages.
    ///
    /// - Throws: `StoreError.forbidden` if the caller has no user.
    package func countUnreadChats(_ caller: Caller) async throws(StoreError) -> Int {
        guard let user = caller.author else { throw .forbidden }
        await readMarkers.flush(of: user)
        return try await store.unreadChatCount(of: user)
    }
}
