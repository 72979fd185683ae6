import NIOCore

/// The header of a frame, up to its payload (RFC 6455, section 5.2).
struct WebSocketFrameHead {
    /// The opcode; nil if reserved.
    let opcode: WebSocketOpcode?
    let isFinal: Bool
    let hasReservedBits: Bool
    let isMasked: Bool
    /// The key, rotated so that its most significant byte masks the next byte of the payload.
    private var maskingKey: UInt32
    /// The number of payload bytes not yet consumed.
    private(set) var remaining: UInt64

    /// Reads a header from the front of `bytes`; if it is incomplete, returns nil and consumes nothing.
    init?(from bytes: inout ByteBuffer) {
        var rest = bytes
        guard let (first, second) = rest.readMultipleIntegers(as: (UInt8, UInt8).self) else { return nil }
        opcode = WebSocketOpcode(rawValue: first & 0x0F)
        isFinal = first & 0x80 != 0
        hasReservedBits = first & 0x70 != 0
        isMasked = second & 0x80 != 0
        switch second & 0x7F {
        case 126:
            guard let length = rest.readInteger(as: UInt16.self) else { return nil }
            remaining = UInt64(length)
        case 127:
            guard let length = rest.readInteger(as: UInt64.self) else { return nil }
            remaining = length
        case let length:
            remaining = UInt64(length)
        }
        maskingKey = 0
        if isMasked {
            guard let key = rest.readInteger(as: UInt32.self) else { return nil }
            maskingKey = key
        }
        bytes = rest
    }

    /// Unmasks the available part of the payload and moves it from `bytes` to the end of `payload`.
    mutating func movePayload(from bytes: inout ByteBuffer, to payload: inout ByteBuffer) {
        let old = payload.readableBytes
        guard var part = bytes.readSlice(length: availableBytes(in: bytes)) else { return }
        remaining -= UInt64(part.readableBytes)
        payload.writeBuffer(&part)
        payload.withUnsafeMutableReadableBytes { payload in
            for index in old..<payload.count {
                payload[index] ^= UInt8(truncatingIfNeeded: maskingKey >> 24)
                maskingKey = maskingKey << 8 | maskingKey >> 24
            }
        }
    }

    /// Discards the available part of the payload.
    mutating func skipPayload(in bytes: inout ByteBuffer) {
        let available = availableBytes(in: bytes)
        bytes.moveReaderIndex(forwardBy: available)
        remaining -= UInt64(available)
    }

    private func availableBytes(in bytes: ByteBuffer) -> Int {
        Int(min(UInt64(bytes.readableBytes), remaining))
    }
}
