import ChatDomain
package import ChatWire

extension ArchiveLine {
    /// Writes the line with its line feed; members without a value are omitted.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            switch self {
            case .header(let version):
                writer.member("type", "header")
                writer.member("format", "chat-api")
                writer.member("version", version)
            case .user(let user): user.writeMembers(to: &writer)
            case .chat(let chat): chat.writeMembers(to: &writer)
            case .entry(.message(let message, let fingerprint)):
                message.writeArchivedMembers(to: &writer)
                writer.members(of: message.idempotencyKey, fingerprint)
            case .entry(.change(let change)): change.writeMembers(to: &writer)
            case .readMarker(let marker): marker.writeMembers(to: &writer)
            case .end(let users, let chats, let entries, let readMarkers):
                writer.member("type", "end")
                writer.member("users", ifPresent: users > 0 ? users : nil)
                writer.member("chats", chats)
                writer.member("entries", entries)
                writer.member("read_markers", ifPresent: readMarkers > 0 ? readMarkers : nil)
            }
        }
        writer.endLine()
    }
}

extension User {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("type", "user")
        writer.member("id", id)
        writer.member("kind", kind.rawValue)
        writer.member("name", ifPresent: name)
        writer.member("avatar_url", ifPresent: avatarURL)
        writer.member("metadata", ifPresent: metadata)
        writer.member("created_at", createdAt)
        writer.member("deactivated_at", ifPresent: deactivatedAt)
    }
}

extension ArchivedChat {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("type", "chat")
        writer.member("id", id)
        writer.member("title", head.chat.title)
        writer.member("created_at", head.chat.createdAt)
        writer.member("last_seq", head.chat.lastPosition)
        writer.member("last_entry_at", head.instant)
        writer.member("last_message_at", ifPresent: head.chat.lastMessageAt)
        writer.member("message_count", head.chat.messageCount)
        writer.member("metadata", ifPresent: head.chat.metadata)
        writer.member("visibility", ifPresent: head.chat.visibility == .open ? head.chat.visibility.rawValue : nil)
        writer.member("receipts", ifPresent: head.chat.receipts ? true : nil)
        writer.member("slow_mode", ifPresent: head.chat.slowMode == .off ? nil : head.chat.slowMode.seconds)
        writer.members(of: idempotency?.key, idempotency?.fingerprint)
        writer.member("idempotency_author", ifPresent: keyAuthor)
    }
}

extension Message {
    fileprivate func writeArchivedMembers(to writer: inout JSONWriter) {
        writer.member("type", LogEntry.Kind.messageCreated.rawValue)
        writer.member("chat_id", chatID)
        writer.member("seq", position)
        writer.member("id", id)
        writer.member("author", ifPresent: author)
        writer.member("text", text)
        writer.member("created_at", createdAt)
        writer.member("revision", revision)
        writer.member("edited_at", ifPresent: editedAt)
        writer.member("deleted_at", ifPresent: deletedAt)
        writer.member("reply_to", ifPresent: replyTo)
        writer.member("metadata", ifPresent: metadata)
        writer.member("state", ifPresent: stream?.storedState)
        writer.member("reason", ifPresent: stream?.end?.reason?.value)
    }
}

extension LogRecord {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("type", kind.rawValue)
        writer.member("chat_id", chatID)
        writer.member("seq", position)
        writer.member("author", ifPresent: author)
        writer.member("at", instant)
        writer.member("message_id", ifPresent: messageID)
        if let payload {
            writer.members(of: payload)
        }
    }
}

extension ReadMarker {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("type", "read_marker")
        writer.member("chat_id", member.chatID)
        writer.member("user_id", member.userID)
        writer.member("read_seq", position)
    }
}

extension JSONWriter {
    /// Writes the fingerprint as a string: programs that read numbers as doubles would lose some of its 64 bits.
    fileprivate mutating func members(of key: IdempotencyKey?, _ fingerprint: Int64?) {
        member("idempotency_key", ifPresent: key)
        member("idempotency_fingerprint", ifPresent: fingerprint.map { String($0) })
    }
}
