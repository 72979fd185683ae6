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

/// Where a log ends, and when it came to that.
///
/// The position alone would not do: a chat that was deleted, and came back or made room for another one by an import, may
/// have come to the same position in another way. Nor would the two in another epoch.
package struct LogEnd: Hashable, Sendable {
    package let epoch: Epoch
    package let position: Position
    package let instant: Instant

    package init(epoch: Epoch, position: Position, instant: Instant) {
        self.epoch = epoch
        self.position = position
        self.instant = instant
    }
}

/// A tail, and what the reader already has of it.
package struct LogTailRequest: Hashable, Sendable {
    package let tail: LogTail
    /// Where the log ended when the reader read this tail before.
    package let known: LogEnd?

    package init(_ tail: LogTail, known: LogEnd? = nil) {
        self.tail = tail
        self.known = known
    }

    /// In a batch: 1 for each 20 messages, so that a batch of long reads stays within some megabytes.
    package var weight: Int {
        (tail.limit + 19) / 20
    }
}

/// What a reader of a tail has to be told.
package enum LogTailAnswer: Equatable, Sendable {
    case read(ChatWithMessages, end: LogEnd)
    /// The log still ends where the reader knows, so that nothing of the chat has changed.
    case unchanged
}
