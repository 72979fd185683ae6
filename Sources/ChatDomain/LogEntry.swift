/// One entry of a chat's log: what happened at a position.
///
/// It shows the message or the chat as it stands when it is read, and so the newest entry about it is also the last word.
package struct LogEntry: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case messageCreated = "message.created"
        case messageUpdated = "message.updated"
        case messageDeleted = "message.deleted"
        case chatUpdated = "chat.updated"
    }

    package let position: Position
    package let kind: Kind
    package let instant: Instant
    package let subject: LogSubject

    package init(position: Position, kind: Kind, instant: Instant, subject: LogSubject) {
        self.position = position
        self.kind = kind
        self.instant = instant
        self.subject = subject
    }
}

/// A stretch of a chat's log.
package struct LogPage: Equatable, Sendable {
    /// In the order of their positions, without a hole.
    package let entries: [LogEntry]
    /// Where the log ended when they were read.
    package let lastPosition: Position
    package let epoch: Epoch

    package init(entries: [LogEntry], lastPosition: Position, epoch: Epoch) {
        self.entries = entries
        self.lastPosition = lastPosition
        self.epoch = epoch
    }
}
