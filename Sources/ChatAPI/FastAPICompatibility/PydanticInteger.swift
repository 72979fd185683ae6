/// An integer in a path or query, parsed like Pydantic.
///
/// It may have white space around it, a sign, single underscores between digits and a fraction of zeros.
enum PydanticInteger: Equatable {
    /// Clamped to 64 bits: no id and no limit is larger.
    case value(Int64)
    case notAnInteger
    case tooLong

    /// The limit of Python (`sys.int_info.default_max_str_digits`).
    static let maximumLength = 4_300

    init(_ text: String) {
        guard text.utf8.count <= Self.maximumLength else {
            self = .tooLong
            return
        }
        // Nearly every client sends this form.
        if let value = Int64(text) {
            self = .value(value)
            return
        }
        var rest = text.unicodeScalars[...]
        rest.trim { $0.properties.isWhitespace }
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" {
            rest.removeFirst()
        }
        if let point = rest.lastIndex(of: "."), point > rest.startIndex {
            let fraction = rest[rest.index(after: point)...]
            if !fraction.isEmpty, fraction.allSatisfy({ $0 == "0" }) {
                rest = rest[..<point]
            }
        }
        let groups = rest.split(separator: "_", omittingEmptySubsequences: false)
        guard groups.allSatisfy({ !$0.isEmpty && $0.allSatisfy { ("0"..."9").contains($0) } }) else {
            self = .notAnInteger
            return
        }
        let magnitude = Int64(groups.map(String.init).joined()) ?? .max
        self = .value(isNegative ? -magnitude : magnitude)
    }
}

extension BidirectionalCollection where SubSequence == Self {
    /// Removes the elements at both ends that satisfy the predicate.
    fileprivate mutating func trim(while predicate: (Element) -> Bool) {
        while let first, predicate(first) {
            removeFirst()
        }
        while let last, predicate(last) {
            removeLast()
        }
    }
}
