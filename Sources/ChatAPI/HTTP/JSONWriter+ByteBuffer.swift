import ChatWire
import NIOCore

extension JSONWriter {
    /// The text written so far, as a body or a message.
    var buffer: ByteBuffer {
        ByteBuffer(bytes: bytes)
    }
}
