import ChatDomain
import ChatLive
import ChatOperations
import ChatWire
import NIOCore

extension EventStream {
    func writeHello() {
        let delay = Int.random(in: hub.limits.reconnectDelay)
        // In a stream of several chats, the first id comes after the notices of deleted and new chats.
        writeNotice(type: "hello", id: start.scope == .chat ? takeID() : nil, retry: delay) { writer in
            writer.member("epoch", start.epoch)
            if start.scope == .chat, let chat = start.chats.first {
                chat.writeMembers(to: &writer)
            } else {
                writer.member("chats") { writer in
                    writer.array(start.chats) { writer, chat in
                        writer.object { chat.writeMembers(to: &$0) }
                    }
                }
                if start.newest != nil {
                    writer.member("has_more", true)
                }
            }
            writer.member("heartbeat_seconds", hub.limits.heartbeat.components.seconds)
        }
    }

    func writeCaughtUp() {
        writeNotice(type: "caught_up", id: takeID()) { _ in }
    }

    func writeNews(_ news: SubscriptionStart.News, after position: Position) {
        writeNotice(type: news.isCreated ? "chat.created" : "chat.followed") { writer in
            writer.member("chat_id", news.chat.id)
            if !news.isCreated {
                writer.member("after", position)
            }
            writer.member("chat", news.chat)
        }
    }

    func writeUnfollowed(_ chatID: ChatID, at position: Position) {
        writeNotice(type: "chat.unfollowed") { writer in
            writer.member("chat_id", chatID)
            writer.member("last_seq", position)
        }
    }

    func writeDeleted(_ chatID: ChatID, id: String?) {
        writeNotice(type: "chat.deleted", id: id) { writer in
            writer.member("chat_id", chatID)
        }
    }

    func writeNotice(
        type: String,
        id: String? = nil,
        retry: Int? = nil,
        promise: EventLoopPromise<Void>? = nil,
        _ members: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        writer.notice(type, members)
        write(form.bytes(type: type, id: id, json: writer.bytes, retry: retry), promise: promise)
    }
}

extension SubscriptionStart {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("chat_id", interest.chatID)
        writer.member("last_seq", end)
    }
}
