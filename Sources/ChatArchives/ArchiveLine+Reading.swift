import ChatDomain
import ChatWire

extension ArchiveLine {
    /// Parses a line and checks it as far as possible without the others; unknown members are ignored.
    ///
    /// - Throws: `ArchiveError` without the line number, which the caller adds.
    package init(parsing bytes: [UInt8]) throws(ArchiveError) {
        let members = try Members(parsing: bytes)
        let type = try members.text("type", length: 1...32)
        switch type {
        case "header":
            guard try members.text("format", length: 1...32) == "chat-api" else {
                throw ArchiveError("this is not an archive of chat-api")
            }
            self = .header(version: try members.integer("version", from: 1))
        case "user": self = .user(try members.user())
        case "chat": self = .chat(try members.chat())
        case "end":
            self = .end(
                users: try members.optional("users", members.count) ?? 0,
                chats: try members.count("chats"),
                entries: try members.count("entries"),
                readMarkers: try members.optional("read_markers", members.count) ?? 0
            )
        case "read_marker": self = .readMarker(try members.readMarker())
        default:
            guard let kind = LogEntry.Kind(rawValue: type) else {
                throw ArchiveError("unknown type '\(type)'")
            }
            self = .entry(kind == .messageCreated ? try members.message() : .change(try members.change(kind)))
        }
    }
}

/// The members of the object on a line.
private struct Members {
    /// Half of the range that every JSON library reads exactly, which leaves room to continue counting.
    private static let largestInteger: Int64 = 1 << 52

    private let members: [String: JSONValue]

    init(parsing bytes: [UInt8]) throws(ArchiveError) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw ArchiveError("it is not JSON: \(error.reason) at byte \(error.offset)")
        }
        guard value.kind == .object else { throw ArchiveError("it is not a JSON object") }
        members = value.members
    }

    func user() throws(ArchiveError) -> User {
        guard let text = try? members["kind"]?.string(), let kind = User.Kind(rawValue: text) else {
            throw ArchiveError("'kind' must be one of \(User.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return User(
            id: try user("id"),
            name: try optional("name") { name throws(ArchiveError) in
                try self.text(name, length: 1...UserName.maximumLength)
            },
            avatarURL: try optional("avatar_url") { name throws(ArchiveError) in
                try self.text(name, length: 1...AvatarURL.maximumLength)
            },
            metadata: try object("metadata"),
            kind: kind,
            deactivatedAt: try optional("deactivated_at", instant),
            createdAt: try instant("created_at")
        )
    }

    /// Members that can be computed from the entries are optional; without `last_seq`, the log may have any length.
    func chat() throws(ArchiveError) -> ArchivedChat {
        let chat = Chat(
            id: ChatID(rawValue: try integer("id", from: 1)),
            title: try text("title", length: 1...ChatTitle.maximumLength),
            metadata: try object("metadata"),
            visibility: try optional("visibility", visibility) ?? .private,
            receipts: try optional("receipts", boolean) ?? false,
            slowMode: try optional("slow_mode", slowMode) ?? .off,
            createdAt: try instant("created_at"),
            lastPosition: Position(rawValue: try optional("last_seq", count) ?? Self.largestInteger),
            lastMessageAt: try optional("last_message_at", instant),
            messageCount: try optional("message_count", count) ?? 0
        )
        let head = LogHead(chat: chat, instant: try optional("last_entry_at", instant) ?? chat.createdAt)
        return ArchivedChat(
            head: head,
            idempotency: try idempotency(),
            keyAuthor: try optional("idempotency_author", user)
        )
    }

    func message() throws(ArchiveError) -> ArchivedEntry {
        let idempotency = try idempotency()
        let end = try optional("state", end)
        let maximumLength = end == nil ? MessageText.maximumLength : StreamedText.maximumLength
        let message = Message(
            id: MessageID(rawValue: try integer("id", from: 1)),
            chatID: ChatID(rawValue: try integer("chat_id", from: 1)),
            position: Position(rawValue: try integer("seq", from: 1)),
            author: try optional("author", user),
            text: try text("text", length: 0...maximumLength),
            metadata: try object("metadata"),
            replyTo: try optional("reply_to", id),
            idempotencyKey: idempotency?.key,
            createdAt: try instant("created_at"),
            revision: try integer("revision", from: 1),
            editedAt: try optional("edited_at", instant),
            deletedAt: try optional("deleted_at", instant),
            stream: end.map(MessageStream.ended)
        )
        guard !message.isDeleted || message.text.isEmpty && message.metadata == nil && message.stream == nil else {
            throw ArchiveError("a deleted message has no text, no metadata and no state")
        }
        return .message(message, fingerprint: idempotency?.fingerprint)
    }

    /// How a streamed message ended, or ends because it was open when the archive was written: its writer does not know
    /// this database.
    private func end(_ name: String) throws(ArchiveError) -> StreamEnd {
        let text = (try? members[name]?.string()) ?? ""
        if text == "open" { return StreamEnd(.failed, reason: .imported) }
        guard let state = StreamEnd.State(rawValue: text) else {
            let states = ["open"] + StreamEnd.State.allCases.map(\.rawValue)
            throw ArchiveError("'\(name)' must be one of \(states.joined(separator: ", "))")
        }
        let reason = try optional("reason") { name throws(ArchiveError) in
            try self.text(name, length: 1...EndReason.maximumLength)
        }
        return StreamEnd(state, reason: reason.map(EndReason.stored))
    }

    func change(_ kind: LogEntry.Kind) throws(ArchiveError) -> LogRecord {
        LogRecord(
            chatID: ChatID(rawValue: try integer("chat_id", from: 1)),
            position: Position(rawValue: try integer("seq", from: 1)),
            kind: kind,
            author: try optional("author", user),
            instant: try instant("at"),
            messageID: kind.isAboutMessage ? try id("message_id") : nil,
            payload: try memberEntry(kind)?.payload
        )
    }

    func readMarker() throws(ArchiveError) -> ReadMarker {
        ReadMarker(
            of: MemberReference(
                chatID: ChatID(rawValue: try integer("chat_id", from: 1)),
                userID: try user("user_id")
            ),
            at: Position(rawValue: try count("read_seq"))
        )
    }

    /// Returns nil for another kind of entry.
    private func memberEntry(_ kind: LogEntry.Kind) throws(ArchiveError) -> MemberEntry? {
        switch kind {
        case .memberJoined: .joined(try users(), as: try role())
        case .memberUpdated: .updated(try users(), to: try role())
        case .memberLeft: .left(try users())
        default: nil
        }
    }

    private func users() throws(ArchiveError) -> [UserID] {
        let elements = members["users"]?.elements ?? []
        let ids = elements.compactMap { element in (try? element.string()).flatMap { UserID($0) } }
        guard ids.count == elements.count, let users = MemberIDs(ids) else {
            throw ArchiveError("'users' must be 1 to \(MemberIDs.maximumCount) ids of users")
        }
        return users.ids
    }

    private func role() throws(ArchiveError) -> ChatRole {
        guard let text = try? members["role"]?.string(), let role = ChatRole(rawValue: text) else {
            throw ArchiveError("'role' must be one of \(ChatRole.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return role
    }

    private func boolean(_ name: String) throws(ArchiveError) -> Bool {
        guard let value = members[name]?.boolean else { throw ArchiveError("'\(name)' must be true or false") }
        return value
    }

    private func slowMode(_ name: String) throws(ArchiveError) -> SlowMode {
        let seconds = try integer(name, from: SlowMode.allowed.lowerBound)
        guard SlowMode.allowed.contains(seconds) else {
            throw ArchiveError("'\(name)' must be at most \(SlowMode.allowed.upperBound)")
        }
        return SlowMode(seconds: seconds)
    }

    private func visibility(_ name: String) throws(ArchiveError) -> ChatVisibility {
        guard let text = try? members[name]?.string(), let visibility = ChatVisibility(rawValue: text) else {
            throw ArchiveError(
                "'\(name)' must be one of \(ChatVisibility.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return visibility
    }

    func integer(_ name: String, from minimum: Int64) throws(ArchiveError) -> Int64 {
        guard let value = members[name]?.integer, (minimum...Self.largestInteger).contains(value) else {
            throw ArchiveError("'\(name)' must be an integer from \(minimum) to \(Self.largestInteger)")
        }
        return value
    }

    /// - Parameter length: In Unicode scalars, as databases count.
    func text(_ name: String, length: ClosedRange<Int>) throws(ArchiveError) -> String {
        guard let text = try? members[name]?.string(), length.contains(text.unicodeScalars.count),
            !text.utf8.contains(0)
        else {
            throw ArchiveError("'\(name)' must be text of \(length.lowerBound) to \(length.upperBound) characters")
        }
        return text
    }

    func count(_ name: String) throws(ArchiveError) -> Int64 {
        try integer(name, from: 0)
    }

    private func id(_ name: String) throws(ArchiveError) -> MessageID {
        MessageID(rawValue: try integer(name, from: 1))
    }

    private func user(_ name: String) throws(ArchiveError) -> UserID {
        guard let text = try? members[name]?.string(), let user = UserID(text) else {
            throw ArchiveError("'\(name)' must be 1 to \(UserID.maximumLength) visible ASCII characters")
        }
        return user
    }

    private func instant(_ name: String) throws(ArchiveError) -> Instant {
        guard let text = try? members[name]?.string(), let instant = Instant(timestamp: text) else {
            throw ArchiveError("'\(name)' must be an RFC 3339 timestamp such as 2026-11-23T09:00:00.000000Z")
        }
        return instant
    }

    private func object(_ name: String) throws(ArchiveError) -> Metadata? {
        guard let value = members[name], value.kind != .null else { return nil }
        do {
            return try Metadata(value)
        } catch .notInterchangeable(let violation) {
            throw ArchiveError("'\(name)' \(violation.reason)")
        } catch {
            throw ArchiveError("'\(name)' must be an object of at most \(Metadata.maximumLength) bytes")
        }
    }

    private func idempotency() throws(ArchiveError) -> Idempotency? {
        guard let value = members["idempotency_key"], value.kind != .null else { return nil }
        guard let text = try? value.string(), let key = IdempotencyKey.archived(text) else {
            throw ArchiveError(
                "'idempotency_key' must be 1 to \(IdempotencyKey.maximumLength) visible ASCII characters"
            )
        }
        guard let digits = try? members["idempotency_fingerprint"]?.string(), let fingerprint = Int64(digits) else {
            throw ArchiveError("'idempotency_fingerprint' must be a 64-bit integer in quotes")
        }
        return Idempotency(key: key, fingerprint: fingerprint)
    }

    func optional<Value>(
        _ name: String,
        _ read: (String) throws(ArchiveError) -> Value
    ) throws(ArchiveError) -> Value? {
        guard let value = members[name], value.kind != .null else { return nil }
        return try read(name)
    }
}
