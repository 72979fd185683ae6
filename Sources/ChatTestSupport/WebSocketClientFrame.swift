/// A frame from a client, valid or not.
package struct WebSocketClientFrame {
    package var opcode: UInt8
    package var payload: [UInt8] = []
    package var isFinal = true
    package var reservedBits: UInt8 = 0
    package var isMasked = true

    package init(
        opcode: UInt8,
        payload: [UInt8] = [],
        isFinal: Bool = true,
        reservedBits: UInt8 = 0,
        isMasked: Bool = true
    ) {
        self.opcode = opcode
        self.payload = payload
        self.isFinal = isFinal
        self.reservedBits = reservedBits
        self.isMasked = isMasked
    }

    package static func text(_ text: String, isFinal: Bool = true) -> WebSocketClientFrame {
        WebSocketClientFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    /// A continuation frame.
    package static func rest(_ text: String, isFinal: Bool = true) -> WebSocketClientFrame {
        WebSocketClientFrame(opcode: 0, payload: Array(text.utf8), isFinal: isFinal)
    }

    /// A close frame with a code, valid or not.
    package static func close(_ code: UInt16, _ reason: String = "") -> WebSocketClientFrame {
        WebSocketClientFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason.utf8)
    }

    package static func ping(_ payload: String = "") -> WebSocketClientFrame {
        WebSocketClientFrame(opcode: 9, payload: Array(payload.utf8))
    }

    /// The encoded frame.
    package var bytes: [UInt8] {
        let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        let masking: UInt8 = isMasked ? 0x80 : 0
        var bytes = [(isFinal ? 0x80 : 0) | reservedBits << 4 | opcode]
        switch payload.count {
        case ...125: bytes += [masking | UInt8(payload.count)]
        case ...0xFFFF: bytes += [masking | 126] + withUnsafeBytes(of: UInt16(payload.count).bigEndian, Array.init)
        default: bytes += [masking | 127] + withUnsafeBytes(of: UInt64(payload.count).bigEndian, Array.init)
        }
        return bytes + (isMasked ? mask + payload.enumerated().map { $1 ^ mask[$0 % 4] } : payload)
    }
}
