import WebSocket

extension WebSocketCloseCode {
    /// The connection has no valid credential, or was to get another user's.
    static let unauthorized = WebSocketCloseCode(rawValue: 4003)
}
