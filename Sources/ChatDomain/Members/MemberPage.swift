/// A page of a chat's current members, in the order of the bytes of their ids.
package struct MemberPage: Equatable, Sendable {
    /// The maximum number of members on a page.
    package static let maximumCount = 100

    package let members: [Member]
    /// The last member of the page, after whom the next page starts; nil on the last page.
    package let next: UserID?
    /// Whether readers of the page see how far each member has read.
    package private(set) var hasReceipts: Bool

    /// - Parameters:
    ///   - members: One member more than the limit unless the page is the last one.
    ///   - limit: The maximum number of members on the page, at least 1.
    package init(_ members: [Member], limit: Int, hasReceipts: Bool) {
        self.members = Array(members.prefix(limit))
        self.hasReceipts = hasReceipts
        next = members.count > limit ? self.members.last?.reference.userID : nil
    }

    /// The page for readers who do not see how far each member has read.
    package var withoutReceipts: MemberPage {
        var page = self
        page.hasReceipts = false
        return page
    }
}
