/// A role in one chat; each role includes the rights of those before it.
package enum ChatRole: String, CaseIterable, Comparable, Hashable, Sendable {
    case reader
    case member
    case moderator
    case owner

    private var rank: Int {
        switch self {
        case .reader: 1
        case .member: 2
        case .moderator: 3
        case .owner: 4
        }
    }

    package static func < (lhs: ChatRole, rhs: ChatRole) -> Bool {
        lhs.rank < rhs.rank
    }
}
