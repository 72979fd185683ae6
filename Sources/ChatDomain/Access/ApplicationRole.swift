/// A user's role in the application as a whole.
package enum ApplicationRole: String, CaseIterable, Hashable, Sendable {
    case user
    /// Like a user, but cannot create chats.
    case guest
    /// Passes every check.
    case admin
    /// A program; it has a user's rights.
    case bot
}
