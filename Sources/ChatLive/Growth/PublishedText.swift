package import ChatDomain

/// The text of an open message, and what a reader of it gets next.
///
/// Readers get what was published last: those that have the same part of the text get the same piece, and none gets more
/// pieces than there were publications. A value without I/O.
package struct PublishedText: Sendable {
    /// How much of the text a reader has.
    package struct Extent: Equatable, Sendable {
        /// Counts the publications.
        fileprivate var version: Int
        /// In Unicode scalars.
        fileprivate(set) package var length: Int
    }

    /// Readers with an earlier version have at most this much of the text.
    private struct Truncation {
        let version: Int
        let length: Int
    }

    /// What the writer has written; begins with the published text.
    package private(set) var text: GrowingText
    private var status: String?
    /// What a reader has once it was sent everything that was published.
    package private(set) var extent: Extent
    /// What a reader has that has read the whole text, published or not.
    package var whole: Extent {
        Extent(version: extent.version, length: text.length)
    }
    private var publishedStatus: String?
    private var isChanged = false
    /// In order of version and of length: one that is shorter supersedes those before it.
    private var truncations: [Truncation] = []

    /// The text is published.
    ///
    /// - Parameter isNew: Whether readers that were sent nothing have no text.
    package init(_ text: String, isNew: Bool = true) {
        self.text = GrowingText(text)
        extent = Extent(version: isNew ? 0 : 1, length: self.text.length)
    }

    /// Writes a text by the writer's rule.
    ///
    /// - Parameter status: Nil keeps the current one, unless the text grows.
    /// - Returns: Whether there is anything to publish.
    /// - Throws: `AppendRejection`, and nothing has changed.
    package mutating func write(_ text: String, at offset: Int, status: String?) throws(AppendRejection) -> Bool {
        let hasGrown = try self.text.write(text, at: offset)
        let status = hasGrown ? status : status ?? self.status
        guard hasGrown || status != self.status else { return false }
        self.status = status
        isChanged = true
        return true
    }

    /// Replaces the text by another one, and clears the status.
    package mutating func replace(with text: String) {
        let text = GrowingText(text)
        guard text != self.text || status != nil else { return }
        let common = text.commonLength(with: self.text)
        if common < self.text.length {
            truncations.removeAll { $0.length >= common }
            truncations.append(Truncation(version: extent.version + 1, length: common))
            extent.length = min(extent.length, common)
        }
        self.text = text
        status = nil
        isChanged = true
    }

    /// Lets readers have all of the text.
    ///
    /// - Returns: Whether anything has changed since the last publication.
    package mutating func publish() -> Bool {
        guard isChanged else { return false }
        isChanged = false
        extent = Extent(version: extent.version + 1, length: text.length)
        publishedStatus = status
        return true
    }

    /// The offset from which a reader needs the published text; nil if it has everything.
    ///
    /// - Parameter sent: Nil if it was sent nothing, and may have any text.
    package func offset(after sent: Extent?) -> Int? {
        guard let sent else { return extent == Extent(version: 0, length: 0) ? nil : 0 }
        guard sent.version < extent.version else { return nil }
        return min(sent.length, truncations.first { $0.version > sent.version }?.length ?? sent.length)
    }

    /// The published text from an offset on.
    package func piece(from offset: Int) -> TextPiece {
        TextPiece(offset: offset, text: text.text(in: offset..<extent.length), status: publishedStatus)
    }

    /// The text from an offset on, whether it was published or not.
    package func written(from offset: Int) -> TextPiece {
        TextPiece(offset: offset, text: text.suffix(from: offset), status: status)
    }
}
