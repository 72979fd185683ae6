/// The reason for closing a connection, as a number (RFC 6455, section 7.4).
package struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The connection has served its purpose.
    package static let normal = WebSocketCloseCode(rawValue: 1000)
    /// The server is shutting down, or the page is being left.
    package static let goingAway = WebSocketCloseCode(rawValue: 1001)
    /// The peer violated the protocol.
    package static let protocolError = WebSocketCloseCode(rawValue: 1002)
    /// The peer sent a type of message that is not accepted, such as a binary one.
    package static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    /// A close frame without a code; never sent.
    package static let noStatus = WebSocketCloseCode(rawValue: 1005)
    /// A connection that ended without a close frame; never sent.
    package static let abnormal = WebSocketCloseCode(rawValue: 1006)
    /// A text message or a close reason is not valid UTF-8.
    package static let invalidPayload = WebSocketCloseCode(rawValue: 1007)
    /// A message violates a rule of the application.
    package static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    /// A message exceeds `WebSocketLimits.maximumMessageBytes`.
    package static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    /// The server failed.
    package static let internalError = WebSocketCloseCode(rawValue: 1011)
    /// The server is overloaded, or the client is too slow; the client should reconnect later.
    package static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    /// Whether a close frame may contain the code: it is in IANA's registry, or in the range for libraries (3000 to
    /// 3999) or applications (4000 to 4999).
    package var maySend: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
