import ChatDomain
package import ChatWire

extension ArchiveLine {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            switch self {
            case .header(let version):
                writer.name("type")
                writer.value("header")
                writer.name("format")
                writer.value("chat-api")
                writer.name("version")
                writer.value(version)
            case .chat(let chat): chat.writeMembers(to: &writer)
            case .entry(.message(let message, let idempotency)):
                message.writeArchivedMembers(to: &writer)
                idempotency?.writeMembers(to: &writer)
            case .entry(.change(let change)): change.writeMembers(to: &writer)
            case .end(let chats, let entries):
                writer.name("type")
                writer.value("end")
                writer.name("chats")
                writer.value(chats)
                writer.name("entries")
                writer.value(entries)
            }
        }
        writer.endLine()
    }
}

extension ArchivedChat {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.name("type")
        writer.value("chat")
        writer.name("id")
        writer.value(id.rawValue)
        writer.name("title")
        writer.value(head.chat.title)
        writer.name("created_at")
        writer.value(head.chat.createdAt)
        writer.name("last_seq")
        writer.value(head.chat.lastPosition.rawValue)
        writer.name("last_entry_at")
        writer.value(head.instant)
        writer.member("last_message_at", head.chat.lastMessageAt)
        writer.name("message_count")
        writer.value(head.chat.messageCount)
        writer.member("metadata", head.chat.metadata)
        idempotency?.writeMembers(to: &writer)
    }
}

extension Message {
    fileprivate func writeArchivedMembers(to writer: inout JSONWriter) {
        writer.name("type")
        writer.value(LogEntry.Kind.messageCreated.rawValue)
        writer.name("chat_id")
        writer.value(chatID.rawValue)
        writer.name("seq")
        writer.value(position.rawValue)
        writer.name("id")
        writer.value(id.rawValue)
        writer.name("text")
        writer.value(text)
        writer.name("created_at")
        writer.value(createdAt)
        writer.name("revision")
        writer.value(revision)
        writer.member("edited_at", editedAt)
        writer.member("deleted_at", deletedAt)
        if let replyTo {
            writer.name("reply_to")
            writer.value(replyTo.rawValue)
        }
        writer.member("metadata", metadata)
    }
}

extension LogPlan.Change {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.name("type")
        writer.value(kind.rawValue)
        writer.name("chat_id")
        writer.value(chatID.rawValue)
        writer.name("seq")
        writer.value(position.rawValue)
        writer.name("at")
        writer.value(instant)
        if let messageID {
            writer.name("message_id")
            writer.value(messageID.rawValue)
        }
    }
}

extension Idempotency {
    /// The fingerprint has 64 bits, which a program that reads numbers as floating point would not keep.
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.name("idempotency_key")
        writer.value(key.value)
        writer.name("idempotency_fingerprint")
        writer.value(String(fingerprint))
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: StaticString, _ instant: Instant?) {
        guard let instant else { return }
        self.name(name)
        value(instant)
    }

    fileprivate mutating func member(_ name: StaticString, _ metadata: Metadata?) {
        guard let metadata else { return }
        self.name(name)
        json(metadata)
    }
}
