import ChatDomain
import ChatLive
import ChatOperations
import ChatWire

extension EventStream: EventSink {
    var peer: StreamPeer {
        StreamPeer(.stream, address: client.address, lifetime?.credential)
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        tally.countEvent()
        if let message { return send(event, ofText: message) }
        if start.scope == .allChats, event.place != nil {
            activity += 1
            subscription.activity = activity
        }
        if start.scope == .chat || form == .jsonLines {
            write(form.bytes(of: event))
        } else {
            writeCombined(event)
        }
    }

    func sendCaughtUp(_ subscription: Subscription) {
        leaveBehind(subscription.chatID)
    }

    /// Notes that a chat has caught up or left, and writes `caught_up` after the last one.
    func leaveBehind(_ chatID: ChatID) {
        if behind.remove(chatID) != nil, behind.isEmpty, !isInboxBehind {
            writeCaughtUp()
        }
    }

    func sendDeleted(_ subscription: Subscription) {
        if plainText != nil { return cutOff() }
        writeDeleted(subscription.chatID, id: combinedID())
        if start.scope == .chat || start.scope == .chats, subscriber?.subscriptions.isEmpty == true {
            end()
        } else {
            leaveBehind(subscription.chatID)
        }
    }

    func sendHeartbeat() {
        if plainText != nil { return }
        repeatsSince == nil ? write(form.heartbeat) : writeID()
    }

    func overflow() {
        finish(type: "overflow", id: combinedID()) { _ in }
    }

    func reset(in epoch: Epoch) {
        let beginning =
            switch start.scope {
            case .chat: LogPlace(epoch: epoch, position: Position(rawValue: 0)).text
            case .chats: cursor.restarted(in: epoch).token
            case .allChats: StreamCursor([], in: epoch).token
            case .inbox: InboxStreamCursor.start(in: epoch, following: cursor.positions.map(\.chatID)).text
            }
        finish(type: "reset", id: beginning, retry: Int.random(in: hub.limits.reconnectDelay)) { writer in
            writer.member("epoch", epoch)
        }
    }

    func fail(_ subscription: Subscription) {
        finish(type: "failed", id: combinedID(), retry: hub.limits.failureDelay) { writer in
            writer.hole(in: subscription)
        }
    }
}
