package import ChatDomain

extension SQLiteStore {
    /// Shares batches with messages.
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        try await writes.changeMembers(request)
    }

    package func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> [Member] {
        try await read(in: chat, by: caller) { database, chat in
            try database.fetchMembers(of: chat.id, after: user, limit: limit)
        }
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
