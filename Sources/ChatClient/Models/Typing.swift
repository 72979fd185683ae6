public import Foundation

/// Someone is typing.
///
/// It is not stored.
public struct Typing: Sendable, Hashable, Codable {
    public let author: String?
    public let at: Date
    public let metadata: Metadata?
}
