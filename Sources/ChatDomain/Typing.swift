/// A notice that somebody is writing a message: shown now or never, and stored nowhere.
package struct Typing: Equatable, Sendable {
    package let chatID: ChatID
    package let instant: Instant
    /// Who it is, in the application's own terms.
    package let metadata: Metadata?

    /// In bytes of the metadata's compact text, so that it fits into a PostgreSQL notification.
    package static let maximumMetadataLength = 1_024

    package init(chatID: ChatID, instant: Instant, metadata: Metadata?) {
        self.chatID = chatID
        self.instant = instant
        self.metadata = metadata
    }
}

/// Typing notices on their way to subscribers, here and on other servers; no store is involved.
package typealias TypingNotices = Broadcast<Typing>
