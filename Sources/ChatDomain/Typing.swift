/// A notice that someone is typing: delivered immediately or not at all, and never stored.
package struct Typing: Equatable, Sendable {
    /// The chat whose subscribers receive the notice.
    package let chatID: ChatID
    /// Who is typing; nil if the caller is no user.
    package let author: UserID?
    /// When the server accepted the notice.
    package let instant: Instant
    /// Describes who is typing, in the application's own terms; at most `maximumMetadataLength` bytes.
    package let metadata: Metadata?

    /// In bytes of the metadata's compact JSON, so that a notice fits into a PostgreSQL notification.
    package static let maximumMetadataLength = 1_024

    package init(chatID: ChatID, author: UserID? = nil, instant: Instant, metadata: Metadata?) {
        self.chatID = chatID
        self.author = author
        self.instant = instant
        self.metadata = metadata
    }
}

/// Delivers typing notices to subscribers of this and other servers; no store is involved.
package typealias TypingNotices = Broadcast<Typing>
