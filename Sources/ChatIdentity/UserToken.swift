package import ChatDomain

/// A token with a verified signature and valid claims.
package struct UserToken: Hashable, Sendable {
    /// `sub`.
    package let userID: UserID
    /// `chat.role`.
    package let role: ApplicationRole
    /// `chat.name`, of any length; nil if it is absent.
    package let name: String?
    /// `chat.grants`.
    package let grants: Grants
    /// `iat`, which decides whether the token was revoked; nil if it is absent.
    package let issuedAt: Instant?
    /// `exp`, without leeway.
    package let expiresAt: Instant
    /// The key that signed the token.
    let keyID: TokenKeyID

    /// What the token permits.
    package var rights: AccessRights {
        .user(role, grants)
    }
}
