package import ChatDomain

extension Message {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("id")
            writer.value(id.rawValue)
            writer.name("chat_id")
            writer.value(chatID.rawValue)
            writer.name("seq")
            writer.value(position.rawValue)
            if let deletedAt {
                writeTombstone(deletedAt, to: &writer)
            } else {
                writeContent(to: &writer)
            }
        }
    }

    private func writeContent(to writer: inout JSONWriter) {
        writer.name("text")
        writer.value(text)
        writer.name("created_at")
        writer.value(createdAt)
        writer.name("revision")
        writer.value(revision)
        if let editedAt {
            writer.name("edited_at")
            writer.value(editedAt)
        }
        if let replyTo {
            writer.name("reply_to")
            writer.value(replyTo.rawValue)
        }
        if let metadata {
            writer.name("metadata")
            writer.json(metadata)
        }
    }

    /// What is left of a message that was deleted: its place.
    private func writeTombstone(_ deletedAt: Instant, to writer: inout JSONWriter) {
        writer.name("created_at")
        writer.value(createdAt)
        writer.name("deleted_at")
        writer.value(deletedAt)
        writer.name("text")
        writer.value("")
    }
}

extension MessagePage {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("messages")
            writer.array(messages) { $1.write(to: &$0) }
            writer.name("has_before")
            writer.value(hasBefore)
            writer.name("has_after")
            writer.value(hasAfter)
            writer.name("last_seq")
            writer.value(lastPosition.rawValue)
            writer.name("epoch")
            writer.value(epoch.text)
        }
    }
}
