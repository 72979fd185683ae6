extension ChatStore {
    /// Returns how far the newest entry of all chats lies in the future of `now`.
    ///
    /// The server checks this at startup. Nil means that no entry is newer than `now`.
    package func newestEntryLead(over now: Instant) async throws(StoreError) -> Duration? {
        guard let chat = try await chats(ChatListQuery(limit: 1)).chats.first else { return nil }
        do throws(StoreError) {
            let end = try await latestMessages(LatestMessagesQuery(chatID: chat.id, limit: 1), by: .anonymous).end
            guard now < end.instant else { return nil }
            return now.duration(to: end.instant)
        } catch .chatNotFound {
            return nil
        }
    }
}
