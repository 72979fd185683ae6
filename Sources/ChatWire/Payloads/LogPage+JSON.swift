package import ChatDomain

extension LogPage: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("entries") { writer in
                writer.array(entries) { $1.write(to: &$0) }
            }
            writer.member("last_seq", lastPosition)
            writer.member("epoch", epoch)
        }
    }
}

extension LogEntry {
    /// - Parameter chatID: Written where entries of several chats are mixed.
    package func write(to writer: inout JSONWriter, chatID: ChatID? = nil) {
        writer.object { writer in
            writer.member("seq", position)
            writer.member("type", kind.rawValue)
            writer.member("chat_id", ifPresent: chatID)
            writer.member("at", instant)
            switch subject {
            case .message(let message): writer.member("message", message)
            case .chat(let chat): writer.member("chat", chat)
            }
        }
    }
}
