/// A text that grows at its end, with the writer's rule.
///
/// Offsets and lengths count Unicode scalars.
package struct GrowingText: Equatable, Sendable {
    /// The text in UTF-8.
    private var bytes: [UInt8]
    /// In Unicode scalars.
    package private(set) var length: Int

    package init(_ text: String = "") {
        bytes = Array(text.utf8)
        length = bytes.scalarCount
    }

    /// The whole text.
    package var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a text at an offset.
    ///
    /// A part of it that is already there is left alone, so a writer may repeat itself.
    ///
    /// - Returns: Whether the text has grown.
    /// - Throws: `AppendRejection`, and nothing has changed.
    package mutating func write(_ text: String, at offset: Int) throws(AppendRejection) -> Bool {
        guard offset <= length else { throw .offsetMismatch(length: length) }
        var text = text
        let added = text.withUTF8 { text -> ArraySlice<UInt8>? in
            let existing = bytes[index(of: offset)...]
            if text.starts(with: existing) { return Array(text.dropFirst(existing.count))[...] }
            return existing.starts(with: text) ? [] : nil
        }
        guard let added else { throw .offsetMismatch(length: length) }
        let count = added.scalarCount
        guard length + count <= StreamedText.maximumLength else { throw .tooLong }
        bytes += added
        length += count
        return count > 0
    }

    /// The text from an offset on.
    ///
    /// - Precondition: `offset` is not beyond the end.
    package func suffix(from offset: Int) -> String {
        text(in: offset..<length)
    }

    /// A part of the text.
    ///
    /// - Precondition: `range` does not reach beyond the end.
    package func text(in range: Range<Int>) -> String {
        String(decoding: bytes[index(of: range.lowerBound)..<index(of: range.upperBound)], as: UTF8.self)
    }

    /// The number of scalars that two texts have in common at their start.
    package func commonLength(with other: GrowingText) -> Int {
        let count = zip(bytes, other.bytes).prefix { $0 == $1 }.count
        // A scalar that differs in its last bytes is not common.
        let isBoundary = count == bytes.count || !bytes[count].isContinuation
        return bytes[..<count].scalarCount - (isBoundary ? 0 : 1)
    }

    /// The index of the byte at which a scalar starts.
    private func index(of offset: Int) -> Int {
        if bytes.count == length || offset == 0 { return offset }
        // Writers append: the end is nearer.
        var index = bytes.count
        var rest = length - offset
        while rest > 0 {
            index -= 1
            if !bytes[index].isContinuation { rest -= 1 }
        }
        return index
    }
}

/// Why a text cannot be written at an offset.
package enum AppendRejection: Error, Equatable {
    /// Another text is there, or the text is not that long: the writer goes back to the offset `length`.
    case offsetMismatch(length: Int)
    /// The text would be longer than `StreamedText.maximumLength`.
    case tooLong
}

extension Sequence<UInt8> {
    /// The number of Unicode scalars in UTF-8.
    fileprivate var scalarCount: Int {
        reduce(0) { $0 + ($1.isContinuation ? 0 : 1) }
    }
}

extension UInt8 {
    fileprivate var isContinuation: Bool {
        self & 0xC0 == 0x80
    }
}
