/// Log entries in order of position, without gaps.
public struct LogPage: Sendable, Hashable, Codable {
    public let entries: [LogEntry]
    /// The last position of the log when the page was read.
    public let lastSeq: Int
    public let epoch: String

    private enum CodingKeys: String, CodingKey {
        case entries
        case lastSeq = "last_seq"
        case epoch
    }
}
