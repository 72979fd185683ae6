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

/// A conditional read of a tail.
package struct LogTailRequest: Hashable, Sendable {
    package let tail: LogTail
    /// Where the log ended when the reader last read this tail; nil if it never did.
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

/// The newest messages of a chat, and where its log ended when they were read.
package struct LatestMessages: Equatable, Sendable {
    package let chat: ChatWithMessages
    package let end: LogEnd

    package init(chat: ChatWithMessages, end: LogEnd) {
        self.chat = chat
        self.end = end
    }
}
