public import Foundation

/// Whom the server takes this client for.
public struct Caller: Sendable, Hashable, Codable {
    /// Nil in open mode, and for a server key that acts as no user.
    public let user: User?
    /// `user`, `guest`, `admin` or `bot`.
    public let role: String?
    /// The scope of a server key.
    public let scope: String?
    /// When the token expires.
    public let expiresAt: Date?

    private enum CodingKeys: String, CodingKey {
        case user
        case role
        case scope
        case expiresAt = "expires_at"
    }
}
