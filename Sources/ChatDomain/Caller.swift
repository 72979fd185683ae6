/// The origin of a request.
///
/// Everything that depends on the caller takes it as a parameter: operations, writes, streams and caches.
package enum Caller: Hashable, Sendable {
    /// The request carried no credentials.
    case anonymous
    /// The request was made by a user.
    case user(UserID)

    /// The author of what the caller writes; nil if the caller is anonymous.
    package var author: UserID? {
        switch self {
        case .anonymous: nil
        case .user(let id): id
        }
    }
}
