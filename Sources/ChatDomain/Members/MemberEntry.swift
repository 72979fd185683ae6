/// What a log entry about members says.
package enum MemberEntry: Equatable, Sendable {
    case joined([UserID], as: ChatRole)
    case updated([UserID], to: ChatRole)
    case left([UserID])

    /// Reads a record; nil unless it is about members and its payload is what `payload` returns.
    package init?(_ record: LogRecord) {
        self.init(record.kind, record.payload)
    }

    fileprivate init?(_ kind: LogEntry.Kind, _ payload: Metadata?) {
        guard let payload, let (users, role) = Self.parse(payload) else { return nil }
        switch (kind, role) {
        case (.memberJoined, let role?): self = .joined(users, as: role)
        case (.memberUpdated, let role?): self = .updated(users, to: role)
        case (.memberLeft, nil): self = .left(users)
        default: return nil
        }
        // Text that `parse` overlooks makes another payload.
        guard self.payload == payload else { return nil }
    }

    package var kind: LogEntry.Kind {
        switch self {
        case .joined: .memberJoined
        case .updated: .memberUpdated
        case .left: .memberLeft
        }
    }

    /// The users whose memberships change.
    package var users: [UserID] {
        switch self {
        case .joined(let users, _), .updated(let users, _), .left(let users): users
        }
    }

    /// The users' new role; nil if they left.
    package var role: ChatRole? {
        switch self {
        case .joined(_, let role), .updated(_, let role): role
        case .left: nil
        }
    }

    /// The payload of the entry's record, such as `{"users":["ada","bob"],"role":"member"}`.
    ///
    /// Not nil for the users of a `MemberIDs`.
    package var payload: Metadata? {
        let ids = users.map(\.json).joined(separator: ",")
        return Metadata(json: #"{"users":[\#(ids)]\#(role.map { #","role":"\#($0.rawValue)""# } ?? "")}"#)
    }

    /// Finds the users and the role in a payload, whatever else it contains.
    private static func parse(_ payload: Metadata) -> (users: [UserID], role: ChatRole?)? {
        guard let match = payload.json.wholeMatch(of: /\{"users":\[(.*)\](?:,"role":"(\w+)")?\}/) else { return nil }
        let users = match.1.matches(of: /"((?:[^"\\]|\\.)*)"/).compactMap { id in
            UserID(String(id.1).replacing(/\\(.)/) { $0.1 })
        }
        return (users, match.2.flatMap { ChatRole(rawValue: String($0)) })
    }
}

extension LogEntry {
    /// The users who left the chat or were removed with this entry.
    package var leavers: [UserID] {
        kind == .memberLeft ? MemberEntry(kind, payload)?.users ?? [] : []
    }
}

extension UserID {
    /// A JSON string: visible ASCII needs no other escapes.
    var json: String {
        #""\#(value.replacing("\\", with: #"\\"#).replacing("\"", with: #"\""#))""#
    }
}

extension LogRecord {
    /// A record of a change to a chat's members.
    package init(_ entry: MemberEntry, in chat: ChatID, at position: Position, by author: UserID?, _ instant: Instant) {
        self.init(
            chatID: chat,
            position: position,
            kind: entry.kind,
            author: author,
            instant: instant,
            payload: entry.payload
        )
    }
}
