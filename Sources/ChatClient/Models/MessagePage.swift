/// Messages in order of position, deleted ones included.
public struct MessagePage: Sendable, Hashable, Codable {
    public let messages: [Message]
    public let hasBefore: Bool
    public let hasAfter: Bool
    /// The last position of the chat's log when the page was read.
    public let lastSeq: Int
    public let epoch: String

    /// Which messages a page contains.
    public enum Place: Sendable, Hashable {
        case latest
        case before(Position)
        case after(Position)
        case around(Position)
    }

    /// The end of the log when the page was read: events after it are not in the page.
    public var end: Position {
        Position(lastSeq, epoch: epoch)
    }

    private enum CodingKeys: String, CodingKey {
        case messages
        case hasBefore = "has_before"
        case hasAfter = "has_after"
        case lastSeq = "last_seq"
        case epoch
    }
}
