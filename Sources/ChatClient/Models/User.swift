public import Foundation

/// A user's profile.
public struct User: Sendable, Hashable, Codable, Identifiable {
    public let id: String
    /// `person` or `bot`.
    public let kind: String
    public let name: String?
    public let avatarURL: String?
    public let metadata: Metadata?
    public let createdAt: Date
    public let deactivatedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case id
        case kind
        case name
        case avatarURL = "avatar_url"
        case metadata
        case createdAt = "created_at"
        case deactivatedAt = "deactivated_at"
    }
}
