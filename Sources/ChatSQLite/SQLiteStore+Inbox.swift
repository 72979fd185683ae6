package import ChatDomain

extension SQLiteStore {
    package func inboxIndex(of user: UserID, leftSince floor: Int64) async throws(StoreError) -> InboxIndex {
        try await database.read { try $0.fetchInboxIndex(of: user, leftSince: floor) }
    }

    package func inboxEntries(of user: UserID, in chats: [ChatID]) async throws(StoreError) -> InboxEntries {
        try await database.read { try $0.fetchInboxEntries(of: user, in: chats) }
    }
}
