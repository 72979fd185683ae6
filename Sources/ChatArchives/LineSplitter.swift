/// Splits input that arrives in pieces into lines.
///
/// A line that is too long is returned with one byte more than allowed; the rest of it is dropped.
struct LineSplitter {
    private let maximumLength: Int
    private var piece: ArraySlice<UInt8> = []
    private var line: [UInt8] = []
    private var drops = false

    init(maximumLength: Int) {
        self.maximumLength = maximumLength
    }

    /// Whether the input so far ends with a complete line.
    var isAtLineStart: Bool {
        line.isEmpty && piece.isEmpty && !drops
    }

    /// Adds input; call it only after `next` has returned nil.
    mutating func append(_ bytes: [UInt8]) {
        piece = bytes[...]
    }

    /// Returns the next line without its line feed; nil if it is not complete yet.
    mutating func next() -> [UInt8]? {
        while !piece.isEmpty {
            let end = piece.firstIndex(of: UInt8(ascii: "\n"))
            let part = piece[..<(end ?? piece.endIndex)]
            let isWhole = end != nil && !drops
            if !drops {
                line += part.prefix(maximumLength + 1 - line.count)
            }
            piece = piece[(end.map { $0 + 1 } ?? piece.endIndex)...]
            let isTooLong = !drops && line.count > maximumLength
            drops = end == nil && (drops || isTooLong)
            if isWhole || isTooLong {
                defer { line = [] }
                return line
            }
        }
        return nil
    }
}
