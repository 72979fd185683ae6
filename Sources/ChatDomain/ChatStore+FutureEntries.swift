extension ChatStore {
    /// By how much the newest entry of all is ahead of an instant; nil if it is not, or if there is none.
    package func newestEntryLead(over now: Instant) async throws(StoreError) -> Duration? {
        guard let chat = try await chats(ChatListQuery(limit: 1)).chats.first else { return nil }
        do throws(StoreError) {
            let end = try await tail(LogTail(chatID: chat.id, limit: 1)).end
            guard now < end.instant else { return nil }
            return now.duration(to: end.instant)
        } catch .chatNotFound {
            return nil
        }
    }
}
