/// A server key as stores keep it, without its secret.
package struct ServerKeyRecord: Hashable, Sendable {
    /// Unique; part of the key.
    package let id: String
    /// The SHA-256 of the secret.
    package let secretHash: [UInt8]
    /// For people; need not be unique.
    package let name: String
    package let scope: ServerKeyScope
    package let createdAt: Instant
    /// The hour in which the key was last used; nil if it never was.
    package let lastUsedAt: Instant?
    /// When the key was revoked; nil while it is valid.
    package let revokedAt: Instant?

    package init(
        id: String,
        secretHash: [UInt8],
        name: String,
        scope: ServerKeyScope,
        createdAt: Instant,
        lastUsedAt: Instant? = nil,
        revokedAt: Instant? = nil
    ) {
        self.id = id
        self.secretHash = secretHash
        self.name = name
        self.scope = scope
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.revokedAt = revokedAt
    }
}
