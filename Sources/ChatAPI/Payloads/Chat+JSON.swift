import ChatDomain

extension Chat {
    func write(to writer: inout JSONWriter) {
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
    }
}

extension ChatWithMessages {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            chat.writeMembers(to: &writer)
            writer.name("messages")
            writer.array(messages) { $1.write(to: &$0) }
        }
    }
}
