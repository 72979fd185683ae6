import ChatWire
import NIOCore

extension JSONWriter {
    /// What has been written, as a body or a message.
    var buffer: ByteBuffer {
        ByteBuffer(bytes: bytes)
    }
}
