/// A member of a chat.
public struct Member: Sendable, Hashable, Codable {
    public let userID: String
    public let role: Role
    /// The position of the entry with which the user joined.
    public let joinedSeq: Int
    /// How far the member has read, if the chat has receipts.
    public let readSeq: Int?

    private enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case role
        case joinedSeq = "joined_seq"
        case readSeq = "read_seq"
    }
}
