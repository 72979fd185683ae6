import ChatDomain

extension Message {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("id")
            writer.value(id.rawValue)
            writer.name("chat_id")
            writer.value(chatID.rawValue)
            writer.name("seq")
            writer.value(position.rawValue)
            writer.name("text")
            writer.value(text)
            writer.name("created_at")
            writer.value(createdAt)
        }
    }
}
