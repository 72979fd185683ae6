/// What a frame carries (RFC 6455, section 5.2).
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Control frames may come in the midst of a fragmented message.
    var isControl: Bool {
        rawValue & 0x8 != 0
    }
}
