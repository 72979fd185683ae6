package import ChatDomain

extension SQLiteStore {
    /// Shares batches with messages.
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        try await writes.changeMembers(request)
    }

    /// Shares batches with messages.
    package func moveReadMarker(_ request: ReadMarkerRequest) async throws(StoreError) {
        try await writes.moveReadMarker(request)
    }

    package func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> MemberPage {
        try await read(in: chat, by: caller) { database, chat in
            // The member beyond the limit tells whether there is another page.
            let members = try database.fetchMembers(of: chat.id, after: user, limit: limit + 1)
            return MemberPage(members, limit: limit, hasReceipts: chat.receipts)
        }
    }

    package func readState(
        of chat: ChatID,
        by caller: Caller,
        after position: Position?
    ) async throws(StoreError) -> ReadState {
        try await read(in: chat, by: caller) { database, chat in
            guard let user = caller.author,
                let state = try database.fetchReadState(of: user, in: chat, after: position)
            else { throw StoreError.forbidden }
            return state
        }
    }

    package func unreadChatCount(of user: UserID) async throws(StoreError) -> Int {
        try await database.read { try $0.fetchUnreadChatCount(of: user) }
    }

    package func membership(_ reference: MemberReference) async throws(StoreError) -> Member? {
        do throws(StoreError) {
            return try await read(in: reference.chatID, by: .anonymous) { database, _ in
                try database.fetchMember(reference)
            }
        } catch .chatNotFound {
            return nil
        }
    }
}
