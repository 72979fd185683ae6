/// Cuts a stream of bytes into texts: the first bytes of a scalar wait for the rest of it.
package struct UTF8Splitter {
    private var rest: [UInt8] = []

    package init() {}

    /// Whether the first bytes of a scalar wait for the rest.
    package var isIncomplete: Bool {
        !rest.isEmpty
    }

    /// Returns the scalars that are complete now; nil if the bytes are not UTF-8.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> String? {
        rest += bytes
        // A scalar has at most 4 bytes, so at most 3 wait.
        let start = rest.suffix(3).lastIndex { $0 >= 0xC0 }
        let isCut = start.map { rest.count - $0 < rest[$0].scalarLength } ?? false
        let end = isCut ? start ?? rest.count : rest.count
        defer { rest.removeFirst(end) }
        return String(validating: rest[..<end], as: UTF8.self)
    }
}

extension UInt8 {
    /// The number of bytes of the scalar that starts with this one.
    fileprivate var scalarLength: Int {
        switch self {
        // No scalar starts with it.
        case 0xF5...: 1
        case 0xF0...: 4
        case 0xE0...: 3
        default: 2
        }
    }
}
