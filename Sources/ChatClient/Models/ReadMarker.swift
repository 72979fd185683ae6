/// How far a user has read.
public struct ReadMarker: Sendable, Hashable, Codable {
    public let readSeq: Int
    /// The number of unread messages of others, at most 100.
    public let unread: Int
    /// True if there are more unread messages than `unread` says; otherwise nil.
    public let more: Bool?

    private enum CodingKeys: String, CodingKey {
        case readSeq = "read_seq"
        case unread
        case more
    }
}
