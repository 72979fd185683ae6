/// What a member may do in a chat.
public struct Role: Sendable, Hashable, Codable, RawRepresentable {
    public static let reader = Self(rawValue: "reader")
    public static let member = Self(rawValue: "member")
    public static let moderator = Self(rawValue: "moderator")
    public static let owner = Self(rawValue: "owner")

    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }
}
