/// A requested change to a user.
package enum UserChange: Equatable, Sendable {
    /// Creates the user or replaces the profile.
    case put(UserProfile)
    /// Removes the person but keeps the id.
    case delete(erasesMessages: Bool)
    /// Makes the tokens issued so far void, and creates the user if there is none.
    case revokeTokens
}

/// A user as stores keep it.
package struct UserRecord: Equatable, Sendable {
    /// What applications see.
    package private(set) var user: User
    /// Tokens issued before this instant are void; nil if none are.
    package private(set) var tokensValidAfter: Instant?
    /// Messages with lower ids are still to be erased; nil if none are.
    ///
    /// Erasure goes from the newest message to the oldest, so that it never reaches those posted after the deletion.
    package private(set) var erasesBelow: MessageID?

    package init(user: User, tokensValidAfter: Instant? = nil, erasesBelow: MessageID? = nil) {
        self.user = user
        self.tokensValidAfter = tokensValidAfter
        self.erasesBelow = erasesBelow
    }

    /// Whether the service accepts the user's tokens.
    package var standing: UserStanding {
        UserStanding(tokensValidAfter: tokensValidAfter, isDeactivated: user.deactivatedAt != nil)
    }

    /// Carries out a change.
    ///
    /// - Parameters:
    ///   - now: When the change happens.
    ///   - newest: The largest message id in the database, if the change erases messages; nil if there is none.
    /// - Returns: Whether the user's standing changed.
    package mutating func apply(_ change: UserChange, at now: Instant, newestMessage newest: MessageID?) -> Bool {
        let previous = standing
        switch change {
        case .put(let profile):
            user.name = profile.name?.value
            user.avatarURL = profile.avatarURL?.value
            user.metadata = profile.metadata
            user.kind = profile.kind
            if !profile.isDeactivated {
                user.deactivatedAt = nil
            } else if user.deactivatedAt == nil {
                user.deactivatedAt = now
                revokeTokens(at: now)
            }
        case .delete(let erasesMessages):
            user.name = nil
            user.avatarURL = nil
            user.metadata = nil
            user.deactivatedAt = user.deactivatedAt ?? now
            revokeTokens(at: now)
            if erasesMessages, let newest {
                erasesBelow = MessageID(rawValue: newest.rawValue + 1)
            }
        case .revokeTokens:
            revokeTokens(at: now)
        }
        return standing != previous
    }

    /// A clock that was set back must not make void tokens valid again.
    private mutating func revokeTokens(at now: Instant) {
        tokensValidAfter = max(tokensValidAfter ?? now, now)
    }
}
