/// What somebody who follows logs is told.
///
/// A hint that something can be read, or an ephemeral event: it may be missed, come twice or come late, and what it says of
/// a log is true in the store by then.
package enum LogSignal: Equatable, Sendable {
    /// Entries that this process has appended; of each chat they follow one another without a hole.
    case appended([LogEntry], epoch: Epoch)
    /// Logs that reach at least to these positions, through whichever process.
    case moved([ChatID: Position])
    case created(ChatID)
    case deleted(ChatID)
    /// Somebody is writing a message at this moment.
    case typing(Typing)
    /// Signals may have been lost: whatever is followed is to be looked at.
    case missed
}

/// That somebody is writing a message: shown at once or never, and stored nowhere.
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
