import ChatTestSupport
import Testing
import WebSocket

@Suite struct UTF8ValidatorTests {
    private func isValid(_ bytes: some Sequence<UInt8>) -> Bool {
        var validator = UTF8Validator()
        return validator.accept(bytes) && validator.isComplete
    }

    @Test func `every scalar is accepted`() {
        let scalars = (0...UInt32(0x10FFFF)).compactMap(UnicodeScalar.init)
        #expect(scalars.first { !isValid(Array(String($0).utf8)) } == nil)
    }

    @Test func `sequences of three bytes are validated as by the standard library`() {
        // Bytes on both sides of every bound in the Unicode standard's table.
        let bytes: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
            0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for first in bytes {
            for second in bytes {
                for third in bytes {
                    let sequence = [first, second, third]
                    #expect(isValid(sequence) == (String(validating: sequence, as: UTF8.self) != nil), "\(sequence)")
                }
            }
        }
    }

    @Test func `random bytes are validated as by the standard library`() {
        var random = SplitMix64(state: 1)
        for _ in 0..<5_000 {
            var bytes = Array("aé€👋".utf8).shuffled(using: &random)
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            #expect(isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }

    @Test(
        arguments: [
            ([0xC0], 0), ([0x80], 0), ([0xF5], 0), ([0x61, 0xE0, 0x9F], 2), ([0xED, 0xA0], 1), ([0xF0, 0x8F], 1),
            ([0xF4, 0x90], 1), ([0xE2, 0x82, 0x28], 2),
        ] as [([UInt8], Int)]
    )
    func `the first wrong byte is the one that is rejected`(_ bytes: [UInt8], _ index: Int) {
        var validator = UTF8Validator()
        let refused = bytes.firstIndex { !validator.accept([$0]) }
        #expect(refused == index)
    }
}
