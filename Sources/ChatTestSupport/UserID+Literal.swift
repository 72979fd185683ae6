package import ChatDomain

extension UserID: ExpressibleByStringLiteral {
    /// - Precondition: The literal is a valid id.
    package init(stringLiteral value: String) {
        guard let id = UserID(value) else { preconditionFailure("'\(value)' is not a user's id") }
        self = id
    }
}
