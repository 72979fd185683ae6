package import ChatDomain

extension Message: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", id)
            writer.member("chat_id", chatID)
            writer.member("seq", position)
            if let deletedAt {
                writeTombstone(deletedAt, to: &writer)
            } else {
                writeContent(to: &writer)
            }
        }
    }

    private func writeContent(to writer: inout JSONWriter) {
        writer.member("text", text)
        writer.member("created_at", createdAt)
        writer.member("revision", revision)
        writer.member("edited_at", ifPresent: editedAt)
        writer.member("reply_to", ifPresent: replyTo)
        writer.member("metadata", ifPresent: metadata)
    }

    /// What is left of a deleted message: its position.
    private func writeTombstone(_ deletedAt: Instant, to writer: inout JSONWriter) {
        writer.member("created_at", createdAt)
        writer.member("deleted_at", deletedAt)
        writer.member("text", "")
    }
}

extension MessagePage: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("messages", messages)
            writer.member("has_before", hasBefore)
            writer.member("has_after", hasAfter)
            writer.member("last_seq", lastPosition)
            writer.member("epoch", epoch)
        }
    }
}
