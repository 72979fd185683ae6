/// A user's membership of a chat.
///
/// Memberships follow from the entries about members in the chat's log; only the read marker does not. The membership
/// of a user who left is kept.
package struct Member: Equatable, Sendable {
    package let reference: MemberReference
    /// The role of a user who left is the last one.
    package private(set) var role: ChatRole
    /// The position of the entry with which the user joined, the last time if there were several.
    package private(set) var joinedAt: Position
    /// The position of the entry with which the user left; nil for a current member.
    package private(set) var leftAt: Position?
    /// The position up to which the user has read; it outlasts leaving.
    package private(set) var readPosition: Position

    package init(
        _ reference: MemberReference,
        role: ChatRole,
        joinedAt: Position,
        leftAt: Position? = nil,
        readPosition: Position
    ) {
        self.reference = reference
        self.role = role
        self.joinedAt = joinedAt
        self.leftAt = leftAt
        self.readPosition = readPosition
    }

    /// The role of a current member; nil for a user who left.
    package var currentRole: ChatRole? {
        leftAt == nil ? role : nil
    }

    /// Whether the read marker is at the entry with which the user joined: because joining put it there or, more rarely,
    /// because the user has read exactly that far.
    package var hasInitialReadMarker: Bool {
        readPosition == joinedAt
    }

    /// Moves the read marker, also back.
    package mutating func moveReadMarker(to position: Position) {
        readPosition = position
    }

    fileprivate mutating func join(as role: ChatRole, at position: Position) {
        self.role = role
        joinedAt = position
        leftAt = nil
    }

    fileprivate mutating func setRole(_ role: ChatRole) {
        self.role = role
    }

    fileprivate mutating func leave(at position: Position) {
        leftAt = position
    }
}

/// Names a user's membership of a chat, which need not exist.
package struct MemberReference: Hashable, Sendable {
    package let chatID: ChatID
    package let userID: UserID

    package init(chatID: ChatID, userID: UserID) {
        self.chatID = chatID
        self.userID = userID
    }
}

extension MemberEntry {
    /// Returns the memberships that the entry creates or changes.
    ///
    /// For a new member, everything up to the entry counts as read. A user who joins again keeps the read marker.
    ///
    /// - Parameters:
    ///   - position: The position of the entry.
    ///   - previous: Returns a membership as of the entry before.
    package func members(
        of chat: ChatID,
        at position: Position,
        after previous: (MemberReference) -> Member?
    ) -> [Member] {
        users.compactMap { user in
            let reference = MemberReference(chatID: chat, userID: user)
            var member = previous(reference)
            switch self {
            case .joined(_, let role):
                member = member ?? Member(reference, role: role, joinedAt: position, readPosition: position)
                member?.join(as: role, at: position)
            case .updated(_, let role): member?.setRole(role)
            case .left: member?.leave(at: position)
            }
            return member
        }
    }
}
