import NIOCore

/// A frame as a client sends it, or should not.
struct ClientFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    var reservedBits: UInt8 = 0
    var isMasked = true

    static func text(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func rest(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 0, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func close(_ code: UInt16, _ reason: String = "") -> ClientFrame {
        ClientFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason.utf8)
    }

    static func ping(_ payload: String = "") -> ClientFrame {
        ClientFrame(opcode: 9, payload: Array(payload.utf8))
    }

    var bytes: [UInt8] {
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
