package import NIOCore

/// Frames that a server sends: unfragmented and unmasked.
package enum WebSocketFrame {
    /// Encodes a frame; the same bytes can be sent on many connections.
    package static func encode(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) -> ByteBuffer {
        let length = payload.readableBytes
        var frame = ByteBufferAllocator().buffer(capacity: length + 10)
        frame.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ...125:
            frame.writeInteger(UInt8(length))
        case ...0xFFFF:
            frame.writeMultipleIntegers(UInt8(126), UInt16(length))
        default:
            frame.writeMultipleIntegers(UInt8(127), UInt64(length))
        }
        frame.writeImmutableBuffer(payload)
        return frame
    }
}
