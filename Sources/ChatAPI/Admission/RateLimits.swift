package import RateLimiting

/// How often each user may make requests, or each address where there is no user.
package struct RateLimits: Sendable {
    /// Requests that change something.
    package var posts = RateLimit(20, per: .seconds(10))
    /// All other requests.
    package var reads = RateLimit(200, per: .seconds(10))
    /// Bytes of text appended to open messages.
    package var text = RateLimit(65_536, per: .seconds(1))
    /// Typing notices: one a second, since clients repeat them while someone types.
    package var typing = RateLimit(10, per: .seconds(10))

    /// Starts with the defaults.
    package init() {}

    /// The limit of a policy.
    func limit(_ policy: RatePolicy) -> RateLimit {
        switch policy {
        case .posts: posts
        case .reads: reads
        case .text: text
        case .typing: typing
        }
    }
}

/// The quota from which a request takes.
enum RatePolicy: String, CaseIterable, Sendable {
    case posts, reads, text, typing

    /// What an append takes at least, in bytes: many small ones cost the server as much as long ones.
    static let smallestAppend = 256
}
