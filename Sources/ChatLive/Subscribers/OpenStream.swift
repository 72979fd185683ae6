package import ChatDomain

/// What an operator can learn about an open stream, WebSocket or long poll.
package struct OpenStream: Sendable {
    package let peer: StreamPeer
    package let openedAt: Instant
    /// The chats whose logs it follows; none for an inbox alone.
    package let chatCount: Int
    /// The entries in the logs of those chats that were not sent yet.
    package let lag: Int64
    /// Whether the connection accepts no more for now.
    package let isStalled: Bool

    package init(peer: StreamPeer, openedAt: Instant, chatCount: Int, lag: Int64, isStalled: Bool) {
        self.peer = peer
        self.openedAt = openedAt
        self.chatCount = chatCount
        self.lag = lag
        self.isStalled = isStalled
    }
}

/// The client at the other end of a connection that receives events.
package struct StreamPeer: Sendable {
    /// The form of the connection.
    package enum Kind: String, CaseIterable, Sendable {
        case stream
        case webSocket = "websocket"
        case longPoll = "long_poll"
    }

    package let kind: Kind
    /// The client's IP address, or that of the nearest proxy.
    package let address: String
    /// Nil without a user.
    package let user: UserID?
    /// The id of the server key that the client presented; nil for none.
    package let serverKey: String?

    package init(_ kind: Kind, address: String, user: UserID?, serverKey: String?) {
        self.kind = kind
        self.address = address
        self.user = user
        self.serverKey = serverKey
    }
}
