import ChatDomain
import ChatTestSupport
import Testing

@Suite struct TextDifferentialTests {
    /// Compares with a slow and simple reference; the seeds are fixed.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `any text is trimmed and counted scalar by scalar`(_ seed: UInt64) {
        let alphabet: [Unicode.Scalar] = [
            "a", "~", "!", " ", "\n", "\0", "\u{7F}", "\u{A0}", "é", "\u{301}", "\u{3000}", "👍",
        ]
        var random = SplitMix64(state: seed)
        for _ in 0..<2_000 {
            let length = [0, 1, 2, 5, 199, 200, 201, 202].randomElement(using: &random) ?? 0
            let scalars = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? "a" }
            let trimmed = scalars.trimmed
            let expected: Result<String, TextViolation> =
                if trimmed.isEmpty {
                    .failure(.tooShort(minimum: 1))
                } else if trimmed.count > 200 {
                    .failure(.tooLong(maximum: 200))
                } else if trimmed.contains("\0") {
                    .failure(.containsNull)
                } else {
                    .success(String(trimmed))
                }
            let title = Result { () throws(TextViolation) in
                try ChatTitle(String(String.UnicodeScalarView(scalars))).value
            }
            #expect(title.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(scalars)")
        }
    }
}

extension [Unicode.Scalar] {
    fileprivate var trimmed: String.UnicodeScalarView {
        var rest = self[...]
        while rest.first?.properties.isWhitespace == true { rest.removeFirst() }
        while rest.last?.properties.isWhitespace == true { rest.removeLast() }
        return String.UnicodeScalarView(rest)
    }
}
