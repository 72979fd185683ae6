/// Members in order of their ids.
public struct MemberPage: Sendable, Hashable, Codable {
    public let members: [Member]
    /// Where the next page starts; nil if this is the last.
    public let nextCursor: String?

    private enum CodingKeys: String, CodingKey {
        case members
        case nextCursor = "next_cursor"
    }
}
