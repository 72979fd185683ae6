package import ChatDomain

extension Chat: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writeMembers(to: &writer)
        }
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("id", id)
        writer.member("title", title)
        writer.member("created_at", createdAt)
        writer.member("last_seq", lastPosition)
        writer.member("last_message_at", lastMessageAt)
        writer.member("message_count", messageCount)
        writer.member("metadata", ifPresent: metadata)
    }
}

extension ChatWithMessages: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            chat.writeMembers(to: &writer)
            writer.member("messages", messages)
        }
    }
}

extension ChatList: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("chats", chats)
            writer.member("next_cursor", next.map { ChatListToken(epoch: epoch, cursor: $0).text })
        }
    }
}
