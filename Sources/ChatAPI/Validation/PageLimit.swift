import ChatDomain
import Hummingbird

/// The number of items on a page: its bounds and its default.
struct PageLimit {
    let range: ClosedRange<Int>
    let defaultValue: Int

    static let chats = PageLimit(range: 1...100, defaultValue: 20)
    /// Part of the original service's contract.
    static let latestMessages = PageLimit(range: 1...100, defaultValue: 20)
    static let messages = PageLimit(range: 1...100, defaultValue: 50)
    static let logEntries = PageLimit(range: 1...100, defaultValue: 50)
    static let inbox = PageLimit(range: 1...200, defaultValue: 100)
    static let streams = PageLimit(range: 1...1_000, defaultValue: 100)
    static let members = PageLimit(range: 1...MemberPage.maximumCount, defaultValue: 50)
}

extension RequestValidator {
    /// The query parameter `limit`.
    mutating func limit(_ limit: PageLimit, in request: Request) -> Int? {
        optionalInteger("limit", in: request, range: limit.range).map { $0.value ?? limit.defaultValue }
    }
}
