/// The end of a chat's log, as asked for.
package struct LogTail: Hashable, Sendable {
    package let chatID: ChatID
    /// The most messages to return, at least 1.
    package let limit: Int

    package init(chatID: ChatID, limit: Int) {
        self.chatID = chatID
        self.limit = limit
    }
}
