/// Whether the service accepts a user's tokens.
package struct UserStanding: Hashable, Sendable {
    /// Tokens issued before this instant are void; nil if none are.
    package var tokensValidAfter: Instant?
    /// Whether the user lost access: all tokens are void.
    package var isDeactivated: Bool

    package init(tokensValidAfter: Instant? = nil, isDeactivated: Bool = false) {
        self.tokensValidAfter = tokensValidAfter
        self.isDeactivated = isDeactivated
    }
}

/// What changed about users' and server keys' access after a version.
package struct AccessChanges: Equatable, Sendable {
    /// Counts the changes; it only grows, in commit order, unless the database goes back in time.
    package let version: Int64
    /// Every user's tokens issued before this instant are void; nil if nobody's are.
    package let tokensValidAfter: Instant?
    /// The users whose standing changed after the requested version, with their present standing.
    package let users: [UserID: UserStanding]

    package init(version: Int64, tokensValidAfter: Instant?, users: [UserID: UserStanding]) {
        self.version = version
        self.tokensValidAfter = tokensValidAfter
        self.users = users
    }
}
