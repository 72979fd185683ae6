package import ChatDomain

extension LogPage {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("entries")
            writer.array(entries) { $1.write(to: &$0) }
            writer.name("last_seq")
            writer.value(lastPosition.rawValue)
            writer.name("epoch")
            writer.value(epoch.text)
        }
    }
}

extension LogEntry {
    /// - Parameter chatID: Named where entries of several chats meet.
    package func write(to writer: inout JSONWriter, chatID: ChatID? = nil) {
        writer.object { writer in
            writer.name("seq")
            writer.value(position.rawValue)
            writer.name("type")
            writer.value(kind.rawValue)
            if let chatID {
                writer.name("chat_id")
                writer.value(chatID.rawValue)
            }
            writer.name("at")
            writer.value(instant)
            switch subject {
            case .message(let message):
                writer.name("message")
                message.write(to: &writer)
            case .chat(let chat):
                writer.name("chat")
                chat.write(to: &writer)
            }
        }
    }
}
