/// One entry of a chat's log: what happened at a position.
///
/// It shows the message or the chat as it is when the entry is read, so the newest entry about it has its current state.
package struct LogEntry: Equatable, Sendable {
    /// The word before the dot names what entries of a kind are about.
    package enum Kind: String, CaseIterable, Sendable {
        case messageCreated = "message.created"
        case messageUpdated = "message.updated"
        case messageDeleted = "message.deleted"
        case chatUpdated = "chat.updated"

        package var isAboutMessage: Bool {
            rawValue.hasPrefix("message.")
        }
    }

    package let position: Position
    package let kind: Kind
    package let instant: Instant
    package let subject: LogSubject
    /// What else the entry says.
    package let payload: Metadata?

    package init(
        position: Position,
        kind: Kind,
        instant: Instant,
        subject: LogSubject,
        payload: Metadata? = nil
    ) {
        self.position = position
        self.kind = kind
        self.instant = instant
        self.subject = subject
        self.payload = payload
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
