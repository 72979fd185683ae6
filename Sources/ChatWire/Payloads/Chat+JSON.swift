package import ChatDomain

extension Chat {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writeMembers(to: &writer)
        }
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.name("id")
        writer.value(id.rawValue)
        writer.name("title")
        writer.value(title)
        writer.name("created_at")
        writer.value(createdAt)
        writer.name("last_seq")
        writer.value(lastPosition.rawValue)
        writer.name("last_message_at")
        if let lastMessageAt {
            writer.value(lastMessageAt)
        } else {
            writer.null()
        }
        writer.name("message_count")
        writer.value(messageCount)
        if let metadata {
            writer.name("metadata")
            writer.json(metadata)
        }
    }
}

extension ChatWithMessages {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            chat.writeMembers(to: &writer)
            writer.name("messages")
            writer.array(messages) { $1.write(to: &$0) }
        }
    }
}

extension ChatList {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("chats")
            writer.array(chats) { $1.write(to: &$0) }
            writer.name("next_cursor")
            if let next {
                writer.value(ChatListToken(epoch: epoch, cursor: next).text)
            } else {
                writer.null()
            }
        }
    }
}
