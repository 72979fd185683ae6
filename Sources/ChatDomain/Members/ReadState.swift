/// What a current member of a chat has read.
package struct ReadState: Equatable, Sendable {
    package let role: ChatRole
    /// The position up to which the member has read.
    package let readPosition: Position
    /// Messages after that position, by others, that are not deleted.
    package let unread: UnreadCount

    package init(role: ChatRole, readPosition: Position, unread: UnreadCount) {
        self.role = role
        self.readPosition = readPosition
        self.unread = unread
    }
}

/// A number of unread messages, which is exact up to 100.
package struct UnreadCount: Equatable, Sendable {
    /// The highest exact number; stores stop counting after one more.
    package static let limit = 100

    /// At most `limit`.
    package let value: Int
    /// Whether there are more.
    package let isMore: Bool

    /// - Parameter found: The number that a store has counted, at most one more than `limit`.
    package init(found: Int) {
        value = min(found, Self.limit)
        isMore = found > Self.limit
    }
}

/// A read marker as an archive contains it.
package struct ReadMarker: Equatable, Sendable {
    /// Whose marker it is; the membership may have ended.
    package let member: MemberReference
    /// The position up to which the user has read.
    package let position: Position

    package init(of member: MemberReference, at position: Position) {
        self.member = member
        self.position = position
    }

    package init(of member: Member) {
        self.init(of: member.reference, at: member.readPosition)
    }
}

/// A requested move of a read marker, which is private: the log does not show it.
package struct ReadMarkerRequest: Sendable {
    /// May name a chat that does not exist; the store then throws `StoreError.chatNotFound`.
    package let chatID: ChatID
    /// A position after the end of the log stands for its end.
    package let position: Position
    /// Whether the marker may also move back.
    package let movesBack: Bool
    /// Its user is the one whose marker moves.
    package let caller: Caller

    package init(_ chatID: ChatID, upTo position: Position, movesBack: Bool = false, by caller: Caller) {
        self.chatID = chatID
        self.position = position
        self.movesBack = movesBack
        self.caller = caller
    }

    /// The membership with the marker, which need not exist; nil if the caller has no user.
    package var member: MemberReference? {
        caller.author.map { MemberReference(chatID: chatID, userID: $0) }
    }
}
